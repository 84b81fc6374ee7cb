/** The configuration of federation: the identity, the sidecar, and the peers that are known from the start. */
import { z } from 'zod'
import { type KeySpec, key, port, url } from './config-shapes.ts'

const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)+$/

/** A peer as FEDERATION_PEERS declares it. */
export const DeclaredPeer = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 characters of a-z 0-9 -'),
  spiffe_id: z.string().max(2048).regex(spiffeId, 'must be spiffe://<trust domain>/<path>'),
  url: url(['https:']),
  role: z.enum(['hub', 'peer']).default('peer'),
})
export type DeclaredPeer = z.output<typeof DeclaredPeer>

const Peers = z.string().transform((text, ctx): DeclaredPeer[] => {
  const wrong = (message: string) => {
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return wrong('must be JSON: [{"name", "spiffe_id", "url", "role"}]')
  }
  const result = z.array(DeclaredPeer).max(100).safeParse(parsed)
  if (!result.success) {
    const first = result.error.issues[0]
    return wrong(`is wrong at /${first?.path.join('/') ?? ''}: ${first?.message ?? 'unknown'}`)
  }
  const names = result.data.map(({ name }) => name)
  if (new Set(names).size < names.length) return wrong('names a peer twice')
  if (names.includes('event-store')) return wrong('may not call a peer event-store')
  return result.data
})

export const federationKeys = {
  IDENTITY_DIR: key(
    z.string().min(1),
    'Folder in which cert-writer keeps the SPIFFE identity: the bundles that peers are checked against. Absent: no federation.',
  ),
  FEDERATION_INTERNAL_PORT: key(
    port,
    'Port on which the registry listens for nginx-federation; opened with FEDERATION_PROXY_TOKEN. Never publish it.',
    { default: '8001' },
  ),
  FEDERATION_PROXY_TOKEN: key(
    z.string().regex(/^[A-Za-z0-9_-]{24,200}$/, 'must be 24 to 200 characters of A-Z a-z 0-9 _ -'),
    'What nginx-federation and the registry know each other by.',
    { secret: true },
  ),
  FEDERATION_PROXY_URL: key(
    url(['http:']),
    'The inner listener of nginx-federation, through which peers and the EventStore are reached.',
  ),
  FEDERATION_CONFIG_DIR: key(
    z.string().min(1),
    'Folder in which the registry writes the peers that nginx-federation may reach.',
  ),
  FEDERATION_BASE_URL: key(
    url(['https:']),
    'Address under which peers reach nginx-federation, such as https://registry.example.com:8443.',
  ),
  FEDERATION_PEERS: key(
    Peers,
    'Peers known from the start, the hub above all: JSON [{"name", "spiffe_id", "url", "role": "hub" or "peer"}].',
    { default: '[]' },
  ),
} as const satisfies Record<string, KeySpec>

/** What says that a registry is part of a federation: an identity for peers, the way to them, or the mainframe's ledger. */
interface Federated {
  readonly IDENTITY_DIR: string | undefined
  readonly FEDERATION_PROXY_URL: string | undefined
  readonly FEDERATION_PEERS: readonly DeclaredPeer[]
  readonly EVENT_STORE_ENABLED: boolean
  readonly EVENT_STORE_URL: string | undefined
  readonly EVENTSTORE_MTLS_REQUIRED: boolean
}

/** Names of the settings that put a registry into the federated mode; none: it stands alone. */
export function federatedBy(config: Federated): string[] {
  const told = config.EVENT_STORE_ENABLED && config.EVENTSTORE_MTLS_REQUIRED && config.EVENT_STORE_URL
  return [
    ...(config.IDENTITY_DIR ? ['IDENTITY_DIR'] : []),
    ...(config.FEDERATION_PROXY_URL ? ['FEDERATION_PROXY_URL'] : []),
    ...((config.FEDERATION_PEERS ?? []).length > 0 ? ['FEDERATION_PEERS'] : []),
    ...(told ? ['EVENT_STORE_URL with EVENTSTORE_MTLS_REQUIRED=true'] : []),
  ]
}

/** A registry of a federation has no minting authority, and its operator cannot give it one. */
export function mintingFaults(config: Federated & { readonly MINTING_AUTHORITY: string }): string[] {
  const by = federatedBy(config)
  if (config.MINTING_AUTHORITY !== 'teg-layer' || by.length === 0) return []
  return [
    `MINTING_AUTHORITY: must be disabled in the federated mode (${by.join(', ')}): AVT enters by genesis grants and from other registries only; a standalone registry, which may mint, has none of these settings`,
  ]
}

/** What must not be missing. @param isAbsent as in eventStoreFaults */
export function federationFaults(isAbsent: (name: keyof typeof federationKeys) => boolean): string[] {
  const faults: string[] = []
  if (isAbsent('FEDERATION_PROXY_TOKEN') && !isAbsent('FEDERATION_PROXY_URL'))
    faults.push('FEDERATION_PROXY_TOKEN: is required with FEDERATION_PROXY_URL')
  if (!isAbsent('FEDERATION_PROXY_URL') && isAbsent('IDENTITY_DIR'))
    faults.push('IDENTITY_DIR: is required with FEDERATION_PROXY_URL: peers are checked against it')
  if (!isAbsent('FEDERATION_PEERS') && isAbsent('FEDERATION_PROXY_URL'))
    faults.push('FEDERATION_PROXY_URL: is required with FEDERATION_PEERS: peers are reached through it')
  if (!isAbsent('FEDERATION_PROXY_URL') && isAbsent('FEDERATION_CONFIG_DIR'))
    faults.push('FEDERATION_CONFIG_DIR: is required with FEDERATION_PROXY_URL: nginx-federation reads it')
  return faults
}
