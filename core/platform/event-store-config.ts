/** The configuration of the EventStore and of the way there, and what must not be missing in it. */
import { z } from 'zod'
import { flag, type KeySpec, key, listOf, port, url } from './config-shapes.ts'

const isSource = (text: string) => /^\/[\x21-\x7e]{1,254}$/.test(text)

export const eventStoreKeys = {
  EVENT_STORE_ENABLED: key(flag, 'Switches the forwarder to the EventStore.', { default: 'true' }),
  EVENT_STORE_URL: key(
    url(['http:', 'https:']),
    'Address of a remote EventStore; absent: a local one, where this process runs it.',
  ),
  EVENTSTORE_MTLS_REQUIRED: key(flag, 'The EventStore is reached with an SVID only.', { default: 'true' }),
  EVENT_STORE_IDENTITY_DIR: key(
    z.string().min(1),
    'Folder of the identity shown to the EventStore: svid.pem, svid_key.pem and bundle.pem, as cert-writer writes them.',
  ),
  EVENT_STORE_SERVICE_TOKEN: key(
    z.string().min(24, 'must have at least 24 characters'),
    'Token that the registry shows to the EventStore where no identity does.',
    { secret: true },
  ),
  EVENT_STORE_VERIFIER_KEY: key(
    z.string().regex(/^[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/, 'must be <name>+<id>+<base64>'),
    "Key of a remote EventStore's checkpoints: the forwarder then believes no other.",
  ),
  EVENT_STORE_DATABASE_URL: key(
    url(['postgres:', 'postgresql:']),
    "Database of a local EventStore. Absent: a schema in the registry's database.",
    { secret: true },
  ),
  EVENT_STORE_DATABASE_DIRECT_URL: key(
    url(['postgres:', 'postgresql:']),
    'The same database as the owner of its tables: migrations. Default: EVENT_STORE_DATABASE_URL.',
    { secret: true },
  ),
  EVENT_STORE_PORT: key(port, 'Port of the EventStore where it runs as a service of its own.', {
    default: '8090',
  }),
  EVENT_STORE_TLS_DIR: key(
    z.string().min(1),
    'Folder of an identity (as cert-writer writes it) with which the EventStore serves TLS itself; registries then show theirs, and its SPIFFE ID says for which sources each speaks.',
  ),
  EVENT_STORE_TOKEN_SOURCES: key(
    z.string().refine((text) => listOf(text).every(isSource), {
      error: 'must be beginnings of sources, comma separated, such as /registries/north/',
    }),
    'Sources that the holder of the service token may tell and read back; empty: /registries/<REGISTRY_NAME>/.',
    { default: '' },
  ),
  EVENT_STORE_ORIGIN: key(
    z
      .string()
      .regex(/^[A-Za-z0-9.:/_-]{1,180}$/, 'must be an address without scheme, such as example.com/log'),
    'Name of a new local log: its address without the scheme; fixed at its first start. Default: <host of PUBLIC_URL>/event-store.',
  ),
  EVENT_STORE_SIGNING_KEY: key(
    z
      .string()
      .regex(
        /^PRIVATE\+KEY\+[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/,
        'must be PRIVATE+KEY+<name>+<id>+<base64>',
      ),
    "Signs the local log's checkpoints. Absent: a key is made and kept in its database.",
    { secret: true },
  ),
  EVENT_STORE_WITNESSED_LOGS: key(
    z.string(),
    'Verifier keys of other logs, blank or comma separated, whose checkpoints this EventStore cosigns.',
    { default: '' },
  ),
} as const satisfies Record<string, KeySpec>

type IsAbsent = (name: keyof typeof eventStoreKeys | 'FEDERATION_PROXY_URL') => boolean

/** What this file needs of a configuration. */
interface Settings {
  readonly NINEFOLD_PROFILE: 'embedded' | 'containers' | 'faas'
  readonly HOST_SERVICES: string
  readonly EVENT_STORE_ENABLED: boolean
  readonly EVENTSTORE_MTLS_REQUIRED: boolean
  readonly EVENT_STORE_URL: string | undefined
}

/** True when a list of services names one, or all. */
export const isNamed = (services: string, service: string): boolean =>
  services === 'all' || services.split(',').includes(service)

/**
 * True when this process runs an EventStore: where HOST_SERVICES names it, and beside a registry that is to forward
 * events and has no address to forward them to (under containers only with HOST_SERVICES=all).
 */
export function runsEventStore(config: Settings): boolean {
  const { HOST_SERVICES: services } = config
  // A function forwards nothing: what it has written, the forwarder of a host tells.
  if (config.NINEFOLD_PROFILE === 'faas') return isNamed(services, 'event-store') && services !== 'all'
  if (!isNamed(services, 'registry') || services.split(',').includes('event-store'))
    return isNamed(services, 'event-store')
  const mayEmbed = config.NINEFOLD_PROFILE === 'embedded' || services === 'all'
  return mayEmbed && config.EVENT_STORE_ENABLED && !config.EVENT_STORE_URL
}

/** @param isAbsent tells whether the environment gave a key: a malformed value is told elsewhere, as malformed */
export function eventStoreFaults(config: Settings, isAbsent: IsAbsent): string[] {
  const faults: string[] = []
  const isLocal = runsEventStore(config)
  const registry = isNamed(config.HOST_SERVICES, 'registry')
  if (config.NINEFOLD_PROFILE !== 'embedded') {
    const profile = config.NINEFOLD_PROFILE
    if (isLocal && isAbsent('EVENT_STORE_DATABASE_URL'))
      faults.push(
        `EVENT_STORE_DATABASE_URL: is required under NINEFOLD_PROFILE=${profile}: the EventStore must not fall back to an embedded database (or set EVENT_STORE_URL, or EVENT_STORE_ENABLED=false)`,
      )
    if (
      registry &&
      profile === 'containers' &&
      config.EVENT_STORE_ENABLED &&
      !isLocal &&
      isAbsent('EVENT_STORE_URL')
    )
      faults.push(
        'EVENT_STORE_URL: is required under NINEFOLD_PROFILE=containers with EVENT_STORE_ENABLED=true (or name event-store in HOST_SERVICES, with EVENT_STORE_DATABASE_URL)',
      )
  }
  if (!registry && isLocal && isAbsent('EVENT_STORE_SERVICE_TOKEN') && isAbsent('EVENT_STORE_TLS_DIR'))
    faults.push(
      'EVENT_STORE_SERVICE_TOKEN: is required where the EventStore is a service of its own (or EVENT_STORE_SERVICE_TOKEN_FILE, or EVENT_STORE_TLS_DIR)',
    )
  if (registry && config.EVENT_STORE_ENABLED && !isAbsent('EVENT_STORE_URL'))
    faults.push(...remoteFaults(config, isAbsent))
  return faults
}

function remoteFaults(config: Settings, isAbsent: IsAbsent): string[] {
  if (!config.EVENTSTORE_MTLS_REQUIRED)
    return isAbsent('EVENT_STORE_SERVICE_TOKEN') && isAbsent('EVENT_STORE_IDENTITY_DIR')
      ? ['EVENT_STORE_SERVICE_TOKEN: is required with EVENT_STORE_URL where no identity is configured']
      : []
  const faults: string[] = []
  if (isAbsent('EVENT_STORE_IDENTITY_DIR') && isAbsent('FEDERATION_PROXY_URL'))
    faults.push(
      'EVENT_STORE_IDENTITY_DIR: is required with EVENT_STORE_URL while EVENTSTORE_MTLS_REQUIRED=true: no identity source is configured (or FEDERATION_PROXY_URL, through which nginx-federation shows it)',
    )
  if (config.EVENT_STORE_URL?.startsWith('http:'))
    faults.push('EVENT_STORE_URL: must begin with https:// while EVENTSTORE_MTLS_REQUIRED=true')
  return faults
}
