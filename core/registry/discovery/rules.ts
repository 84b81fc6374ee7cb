/** What the index keeps of an envelope, and how a score comes about: pure rules. */
import { geohashOf } from '#core/base/geo.ts'
import { keyOf, labelOf, splitWords } from './split-words.ts'

/** A row of registry.discovery_cards as it is sent to the database. */
export interface CardRow {
  did: string
  agent: string | null
  envelope: string
  owner: string | null
  name: string
  name_key: string
  status: string
  sequence: string
  search: string
  tags: string[]
  skills: string[]
  skill_names: string[]
  skill_keys: string[]
  input_modes: string[]
  output_modes: string[]
  bindings: string[]
  provider: string | null
  provider_key: string | null
  signature_status: string
  origin_registry: string
  country: string | null
  latitude: number | null
  longitude: number | null
  geohash: string | null
  reputation: number | null
  completeness: number
  updated_at: string | null
  visible: boolean
}

/** A term of the dictionary: words for the repair of typos, tags and skills for suggestions. */
export interface Term {
  kind: 'word' | 'tag' | 'skill'
  key: string
  text: string
}

export interface ReadCard {
  readonly row: CardRow
  readonly terms: readonly Term[]
}

/** The last position that a tsvector can hold; later words still count, without their place. */
const POSITION_MAX = 16_383
/** Places kept of one word. */
const PLACES_MAX = 200
/** Words read of a card: 64 KiB of text hold fewer in any earnest card. */
const WORDS_MAX = 8000
const LABELS_MAX = 500
const LABEL_LENGTH_MAX = 128
const NAME_LENGTH_MAX = 200
/** Bindings of the A2A specification are compared without regard to case; others are URIs. */
const CORE_BINDINGS = new Set(['JSONRPC', 'GRPC', 'HTTP+JSON'])

type Json = Record<string, unknown>
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const recordOf = (value: unknown): Json => (isRecord(value) ? value : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : [])
const distinct = (texts: readonly string[]): string[] =>
  [...new Set(texts)].filter((text) => text !== '' && text.length <= LABEL_LENGTH_MAX).slice(0, LABELS_MAX)

/** The stored envelope as it is served now: the percentile is the index's, the rest is what was published. */
export function serveEnvelope(row: { envelope: string; reputation: number | null }): Json {
  const envelope = JSON.parse(row.envelope) as Json
  return { ...envelope, reputation: { ...recordOf(envelope.reputation), percentile: row.reputation } }
}

/** Distance at which a place counts half, where no radius says what is near. */
export const NEAR_KM = 1000
/** How much of a score the distance leaves, 0 to 1. The statement's score uses the same formula. */
export const distanceFactor = (distanceKm: number | null, halfKm: number): number =>
  1 / (1 + (distanceKm ?? 0) / halfKm)

/** The location in a setting or an envelope's words: country;region;city;latitude;longitude. */
export function parseLocation(setting: string) {
  const [country = '', region = '', city = '', latitude = '', longitude = ''] = setting.split(';')
  return {
    country,
    ...(region ? { region } : {}),
    ...(city ? { city } : {}),
    latitude: Number(latitude),
    longitude: Number(longitude),
  }
}

/** The location of an envelope's origin; null when it tells none or a malformed one. */
export function originLocation(envelope: Json): ReturnType<typeof parseLocation> | null {
  const { country, latitude, longitude } = locationOf(envelope.origin_registry_location)
  if (country === null || latitude === null || longitude === null) return null
  const given = recordOf(envelope.origin_registry_location)
  const region = textOf(given.region)
  const city = textOf(given.city)
  return { country, ...(region ? { region } : {}), ...(city ? { city } : {}), latitude, longitude }
}

export function bindingOf(text: string): string {
  const upper = text.trim().toUpperCase()
  return CORE_BINDINGS.has(upper) ? upper : text.trim()
}

/** Reads an envelope. A member of a wrong type counts as absent: a strange card of a peer must not stop the index. */
export function readCard(entry: {
  did: string
  agent: string | null
  envelope: Json
  visible: boolean
}): ReadCard {
  const { envelope } = entry
  const card = recordOf(envelope.card)
  const skills = listOf(card.skills)
  const tags = distinct(skills.flatMap((skill) => textsOf(skill.tags).map(labelOf)))
  const skillNames = distinct(skills.map((skill) => textOf(skill.name).normalize('NFKC').trim()))
  const provider = textOf(recordOf(card.provider).organization).trim() || null
  const name = [...(textOf(card.name).trim() || entry.did)].slice(0, NAME_LENGTH_MAX).join('')
  const location = locationOf(envelope.origin_registry_location)
  const percentile = recordOf(envelope.reputation).percentile
  const updated = new Date(textOf(envelope.updated_at))
  const { search, words } = searchOf(card, skills, name, textOf(envelope.slug), provider)
  const row: CardRow = {
    did: entry.did,
    agent: entry.agent,
    envelope: JSON.stringify(envelope),
    owner: textOf(envelope.owner) || null,
    name,
    name_key: keyOf(name),
    status: textOf(envelope.status) || 'active',
    sequence: sequenceOf(envelope.sequence),
    search,
    tags,
    skills: distinct(skills.map((skill) => textOf(skill.id).trim())),
    skill_names: skillNames,
    skill_keys: distinct(skills.flatMap((skill) => [labelOf(textOf(skill.id)), labelOf(textOf(skill.name))])),
    input_modes: modesOf(card.defaultInputModes, skills, 'inputModes'),
    output_modes: modesOf(card.defaultOutputModes, skills, 'outputModes'),
    bindings: distinct(
      listOf(card.supportedInterfaces).map((each) => bindingOf(textOf(each.protocolBinding))),
    ),
    provider,
    provider_key: provider && labelOf(provider),
    signature_status: textOf(envelope.signature_status) || 'unsigned',
    origin_registry: textOf(envelope.origin_registry),
    ...location,
    reputation: typeof percentile === 'number' && percentile >= 0 && percentile <= 100 ? percentile : null,
    completeness: completenessOf(card, skills, provider),
    updated_at: Number.isNaN(updated.getTime()) ? null : updated.toISOString(),
    visible: entry.visible,
  }
  const terms: Term[] = [
    ...words.map((word) => ({ kind: 'word' as const, key: word, text: word })),
    ...tags.map((tag) => ({ kind: 'tag' as const, key: keyOf(tag), text: tag })),
    ...skillNames.map((skill) => ({ kind: 'skill' as const, key: keyOf(skill), text: skill })),
  ]
  return { row, terms: entry.visible ? terms.filter((term) => term.key !== '') : [] }
}

function sequenceOf(value: unknown): string {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? String(value) : '1'
}

function modesOf(defaults: unknown, skills: readonly Json[], member: string): string[] {
  return distinct([...textsOf(defaults), ...skills.flatMap((skill) => textsOf(skill[member]))].map(labelOf))
}

/** Degrees to about a centimetre: PostgreSQL's power() fails on differences that are all but nothing. */
const degreesOf = (value: unknown): number =>
  typeof value === 'number' ? Math.round(value * 1e7) / 1e7 : Number.NaN

function locationOf(value: unknown): Pick<CardRow, 'country' | 'latitude' | 'longitude' | 'geohash'> {
  const given = recordOf(value)
  const country = /^[A-Za-z]{2}$/.test(textOf(given.country)) ? textOf(given.country).toUpperCase() : null
  const latitude = degreesOf(given.latitude)
  const longitude = degreesOf(given.longitude)
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180))
    return { country, latitude: null, longitude: null, geohash: null }
  return { country, latitude, longitude, geohash: String(geohashOf({ latitude, longitude })) }
}

/** How much a card tells, 0 to 1: description, provider, documentation, examples, icon. */
function completenessOf(card: Json, skills: readonly Json[], provider: string | null): number {
  const told = [
    textOf(card.description).trim().length >= 40,
    provider !== null,
    textOf(card.documentationUrl) !== '',
    skills.some((skill) => textsOf(skill.examples).length > 0),
    textOf(card.iconUrl) !== '',
  ]
  return told.filter(Boolean).length / told.length
}

/** `weatherForecast` is also found by its parts. */
const partsOf = (id: string) => id.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')

/** The tsvector text: A the name; B skills, tags, examples, provider, slug; C descriptions. */
function searchOf(
  card: Json,
  skills: readonly Json[],
  name: string,
  slug: string,
  provider: string | null,
): { search: string; words: string[] } {
  const fields: [string, string][] = [
    ['A', name],
    ...skills.flatMap((skill): [string, string][] => [
      ['B', textOf(skill.id)],
      ['B', partsOf(textOf(skill.id))],
      ['B', textOf(skill.name)],
      ...textsOf(skill.tags).map((tag): [string, string] => ['B', tag]),
      ...textsOf(skill.examples).map((example): [string, string] => ['B', example]),
    ]),
    ['B', provider ?? ''],
    ['B', slug],
    ['C', textOf(card.description)],
    ...skills.map((skill): [string, string] => ['C', textOf(skill.description)]),
  ]
  const places = new Map<string, string[]>()
  const words = new Set<string>()
  let position = 1
  let left = WORDS_MAX
  for (const [weight, text] of fields) {
    for (const { word, variant, piece } of splitWords(text).slice(0, left)) {
      left--
      for (const spelling of variant === null ? [word] : [word, variant]) {
        const kept = places.get(spelling) ?? []
        if (kept.length < PLACES_MAX) kept.push(`${Math.min(position, POSITION_MAX)}${weight}`)
        places.set(spelling, kept)
      }
      if (!piece && word.length >= 3 && word.length <= 40 && !/^\p{N}+$/u.test(word)) words.add(word)
      position++
    }
    // A gap, so that a phrase does not reach from one field into the next.
    position++
  }
  const search = [...places].map(([word, at]) => `'${word}':${at.join(',')}`).join(' ')
  return { search, words: [...words] }
}
