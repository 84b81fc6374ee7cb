/** Synthetic envelopes for benches: words by Zipf's law, clustered cities, everything from one seed. */

/** A generator of numbers in 0..1 that gives the same row for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const VOCABULARY = 8000
const CITIES = 400
const SYLLABLES = 'ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo za bre cli dro fla gri'.split(
  ' ',
)

export interface Synthetic {
  /** Word of a rank: 0 is the most frequent. */
  wordOf(rank: number): string
  /** A city's place. */
  cityOf(n: number): { latitude: number; longitude: number }
  /** The n-th envelope. */
  envelopeOf(n: number): Record<string, unknown>
  didOf(n: number): string
}

/** Prepares the vocabulary and the cities. Envelopes must be asked for in order to be the same again. */
export function synthesize(seed: number): Synthetic {
  const random = seeded(seed)
  const words = makeWords(random)
  const bounds = zipfBounds()
  const draw = () => words[lowerBound(bounds, random())] as string
  const several = (count: number) => Array.from({ length: count }, draw)
  const cities = Array.from({ length: CITIES }, () => ({
    latitude: Math.asin(random() * 1.8 - 0.9) * (180 / Math.PI),
    longitude: random() * 360 - 180,
  }))
  const near = (value: number) => value + (random() - 0.5) * 0.4
  const didOf = (n: number) => `did:web:agents.example.com:api:v1:agents:${idOf(n)}`
  return {
    wordOf: (rank) => words[rank] as string,
    cityOf: (n) => cities[n] as { latitude: number; longitude: number },
    didOf,
    envelopeOf(n) {
      const city = cities[Math.floor(random() ** 2 * CITIES)] as { latitude: number; longitude: number }
      const skills = Array.from({ length: 4 }, (_, i) => {
        const [first, second] = several(2) as [string, string]
        return {
          id: `${first}-${second}-${i}`,
          name: `${first} ${second}`,
          description: several(5).join(' '),
          tags: several(i === 0 ? 2 : 1),
        }
      })
      const time = new Date(Date.UTC(2026, 0, 1) + Math.floor(random() * 2.6e10)).toISOString()
      return {
        id: idOf(n),
        did: didOf(n),
        slug: `agent-${n}`,
        owner: idOf(1_000_000 + Math.floor(n / 3)),
        status: random() < 0.95 ? 'active' : 'deprecated',
        card: {
          name: several(3).join(' '),
          description: several(45).join(' '),
          supportedInterfaces: [
            { url: `https://a${n}.example.com/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
          ],
          provider: { organization: `${draw()} ${n % 5000}`, url: 'https://example.com' },
          version: '1.0.0',
          capabilities: { streaming: random() < 0.5 },
          defaultInputModes: ['text/plain'],
          defaultOutputModes: ['text/plain', random() < 0.2 ? 'image/png' : 'application/json'],
          skills,
        },
        card_etag: `"${n}"`,
        card_digest: `sha-256:${n.toString(16).padStart(64, '0')}`,
        card_version: '1.0.0',
        signature_status: random() < 0.3 ? 'verified' : 'unsigned',
        origin_registry: `registry-${n % 50}`,
        origin_registry_location: {
          country: ['DE', 'FR', 'US', 'JP', 'BR'][n % 5],
          latitude: Math.max(-90, Math.min(90, near(city.latitude))),
          longitude: Math.max(-180, Math.min(180, near(city.longitude))),
        },
        sequence: 1,
        reputation: { percentile: random() < 0.4 ? Math.floor(random() * 1000) / 10 : null, evidence: 3 },
        created_at: time,
        updated_at: time,
        registry_signature: 'e30..c2lnbmF0dXJl',
      }
    },
  }
}

const idOf = (n: number) => `0190a000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`

/** Distinct words of two to four syllables, short ones first, as in a language. */
function makeWords(random: () => number): string[] {
  const words = new Set<string>()
  while (words.size < VOCABULARY) {
    const syllables = 2 + Math.floor(random() * (words.size < 500 ? 1 : 3))
    words.add(
      Array.from({ length: syllables }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join(''),
    )
  }
  return [...words]
}

/** Cumulative chances of ranks by Zipf's law. */
function zipfBounds(): Float64Array {
  const bounds = new Float64Array(VOCABULARY)
  let sum = 0
  for (let rank = 0; rank < VOCABULARY; rank++) {
    sum += 1 / (rank + 2)
    bounds[rank] = sum
  }
  return bounds.map((value) => value / sum)
}

function lowerBound(bounds: Float64Array, value: number): number {
  let low = 0
  let high = bounds.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((bounds[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
