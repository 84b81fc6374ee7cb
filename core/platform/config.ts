/** Configuration: one schema with a sentence per key; all faults are told at once, with the key and its bound. */
import { readFileSync } from 'node:fs'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { parseRate } from '#core/base/amount.ts'
import { flag, type KeySpec, key, listOf, port, url, whole } from './config-shapes.ts'
import { eventStoreFaults, eventStoreKeys, isNamed } from './event-store-config.ts'
import { faasFaults, faasKeys } from './faas-config.ts'
import { federationFaults, federationKeys, mintingFaults } from './federation-config.ts'

const rate = (min: string, max: string, words: string) =>
  z.string().refine((text) => inRate(text, min, max), { error: words })

const isNetwork = (text: string): boolean => ipaddr.isValid(text) || ipaddr.isValidCIDR(text)

function inRate(text: string, min: string, max: string): boolean {
  const value = parseRate(text)
  return value !== null && value >= (parseRate(min) ?? 0n) && value <= (parseRate(max) ?? 0n)
}

export const configKeys = {
  NINEFOLD_PROFILE: key(
    z.enum(['embedded', 'containers', 'faas']),
    'Images set "containers": there nothing falls back to an embedded part. Bundles for FaaS hosts set "faas": the same, but Redis may be absent.',
    { default: 'embedded' },
  ),
  HOST_SERVICES: key(
    z
      .string()
      .regex(
        /^(all|(registry|teg|event-store)(,(registry|teg|event-store))*)$/,
        'must be all, or a list of registry, teg, event-store',
      ),
    'Services that this process runs.',
    { default: 'all' },
  ),
  HOST_WORKERS: key(whole(1, 64), 'Worker processes of this host.', { default: '1' }),
  REGISTRY_PORT: key(port, 'Port of the public API.', { default: '8000' }),
  TEG_PORT: key(port, 'Port of the TEG where it runs as a service of its own.', { default: '8080' }),
  METRICS_PORT: key(whole(0, 65535), 'Port of /metrics (0: none). Never publish it.', { default: '9464' }),
  BIND_ADDRESS: key(z.string().min(1), 'Address that the servers bind to.', { default: '0.0.0.0' }),
  DATA_DIR: key(z.string().min(1), 'Folder of the embedded database and of mails kept as files.', {
    default: '.data',
  }),
  OPERATOR_API_KEY: key(
    z.string().regex(/^[A-Za-z0-9_-]{24,200}$/, 'must be 24 to 200 characters of A-Z a-z 0-9 _ -'),
    'The preset operator key; a changed value replaces the old one at start. Absent: one is made and printed once.',
    { secret: true },
  ),
  SECRET_KEY: key(
    z.string().min(24, 'must have at least 24 characters'),
    'Seals the server keys kept in the database; absent: they stand there unsealed.',
    { secret: true },
  ),
  PUBLIC_URL: key(
    url(['http:', 'https:']),
    'Address under which users reach the registry; fixed once agents exist. Default: http://127.0.0.1:<REGISTRY_PORT>.',
  ),
  PUBLIC_URL_ALIASES: key(
    z.string(),
    'Former values of PUBLIC_URL, comma separated: their dids and Origins stay valid.',
    { default: '' },
  ),
  REGISTRY_NAME: key(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 characters of a-z 0-9 -'),
    'Name of this registry in events, cards and federation.',
    { default: 'ninefold' },
  ),
  REGISTRY_LOCATION: key(
    z
      .string()
      .regex(
        /^[A-Z]{2};[^;]{0,80};[^;]{0,80};-?\d{1,2}(\.\d{1,8})?;-?\d{1,3}(\.\d{1,8})?$/,
        'must be country;region;city;latitude;longitude, such as DE;Berlin;Berlin;52.52;13.405',
      ),
    'Where the registry stands; every card carries it as origin_registry_location.',
  ),
  DATABASE_URL: key(url(['postgres:', 'postgresql:']), 'Registry database, through pgbouncer.', {
    secret: true,
  }),
  DATABASE_DIRECT_URL: key(
    url(['postgres:', 'postgresql:']),
    'Registry database without pgbouncer: migrations and backups. Default: DATABASE_URL.',
    { secret: true },
  ),
  TEG_DATABASE_URL: key(url(['postgres:', 'postgresql:']), 'TEG database.', { secret: true }),
  TEG_DATABASE_DIRECT_URL: key(
    url(['postgres:', 'postgresql:']),
    'The same database as the owner of its tables: migrations. Default: TEG_DATABASE_URL.',
    { secret: true },
  ),
  DATABASE_POOL: key(whole(1, 100), 'Most connections of a worker to its database.', { default: '10' }),
  REDIS_URL: key(url(['redis:', 'rediss:']), 'Redis shared by all workers.', { secret: true }),
  TEG_URL: key(url(['http:', 'https:']), 'Address of the TEG; absent: it runs in this process.'),
  TEG_SERVICE_TOKEN: key(
    z.string().min(24, 'must have at least 24 characters'),
    'Token that the registry shows to the TEG.',
    { secret: true },
  ),
  ...eventStoreKeys,
  ...federationKeys,
  ...faasKeys,
  MINTING_AUTHORITY: key(
    z.enum(['disabled', 'teg-layer'], { error: 'must be disabled (federated) or teg-layer (standalone)' }),
    'Who may create AVT beside the genesis grant; teg-layer is refused in the federated mode.',
    { default: 'disabled' },
  ),
  INTRA_REGISTRY_FEE_RATE: key(
    rate('0.005', '0.05', 'must be between 0.005 (0.5 %) and 0.05 (5.0 %)'),
    'Fee on transfers inside the registry, 0.5 % to 5.0 %.',
    { default: '0.005' },
  ),
  GENESIS_GRANT_ENABLED: key(flag, 'New developers get a grant for their first agent.', { default: 'true' }),
  GENESIS_GRANT_AMOUNT: key(
    z
      .string()
      .refine((text) => inRate0(text), { error: 'must be between 0 and 100000 AVT, at most 6 decimals' }),
    'AVT of a genesis grant, 0 to 100,000.',
    { default: '1000' },
  ),
  GENESIS_BUDGET_PER_DAY: key(
    z
      .string()
      .regex(/^\d{1,10}$/)
      .refine((text) => Number(text) <= 9_007_199_254, { error: 'must be between 0 and 9007199254' }),
    'AVT that genesis grants may create per UTC day.',
    { default: '1000000' },
  ),
  BETA_INVITE_REQUIRED: key(flag, 'Registration needs an invite.', { default: 'false' }),
  RATE_LIMIT_PUBLIC_PER_MINUTE: key(
    whole(1, 1_000_000),
    'Requests a minute for an address without credential.',
    { default: '60' },
  ),
  RATE_LIMIT_AUTHENTICATED_PER_MINUTE: key(
    whole(1, 1_000_000),
    'Requests a minute for a caller with credential.',
    { default: '300' },
  ),
  TRUSTED_PROXIES: key(
    z
      .string()
      .refine((text) => listOf(text).every(isNetwork), 'must be addresses or CIDR ranges, comma separated'),
    'Addresses or CIDR ranges, comma separated, whose X-Forwarded-For is believed.',
    { default: '' },
  ),
  WEBHOOK_ALLOWED_NETWORKS: key(
    z
      .string()
      .refine((text) => listOf(text).every(isNetwork), 'must be addresses or CIDR ranges, comma separated'),
    'Addresses or CIDR ranges, comma separated, that webhooks may reach although they are not public. Where any is named, webhooks may also use http: and any port.',
    { default: '' },
  ),
  SMTP_URL: key(
    url(['smtp:', 'smtps:']),
    'Mail server. Absent: mails are files under DATA_DIR/mail in the embedded profile, refused in containers.',
    { secret: true },
  ),
  MAIL_FROM: key(z.string().min(3), 'Sender of mails.', { default: 'Ninefold <registry@localhost>' }),
  LOG_LEVEL: key(z.enum(['debug', 'info', 'warn', 'error']), 'Least level that is logged.', {
    default: 'info',
  }),
  TASK_LEASE_MS: key(
    whole(1000, 120_000),
    'Milliseconds after which the lead of a background task lapses when its process has died.',
    { default: '15000' },
  ),
  STOP_GRACE_SECONDS: key(whole(1, 600), 'Time for a graceful stop.', { default: '25' }),
  STOP_NOTICE_SECONDS: key(
    whole(0, 120),
    'From readyz 503 to the closing of the port, for load balancers to notice; at most a quarter of STOP_GRACE_SECONDS.',
    { default: '1' },
  ),
} as const satisfies Record<string, KeySpec>

function inRate0(text: string): boolean {
  return /^(0|[1-9]\d{0,5})([.]\d{1,6})?$/.test(text) && Number(text) <= 100_000
}

type Keys = typeof configKeys
type Value<K extends keyof Keys> = z.output<Keys[K]['shape']>
type WithDefault = { [K in keyof Keys]: Keys[K] extends { default: string } ? K : never }[keyof Keys]
export type Config = {
  readonly [K in keyof Keys]: K extends WithDefault | 'PUBLIC_URL' ? Value<K> : Value<K> | undefined
} & {
  /** Names that the environment gave (directly or by file); the others have their defaults. */
  readonly given: ReadonlySet<string>
}

/** All faults of a configuration; the message lists them line by line. */
export class ConfigError extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault(s):\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * Reads the configuration from environment variables; empty means absent.
 * @throws ConfigError with every fault; secret values are not repeated
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(configKeys) as [string, KeySpec][]) {
    const text = readText(env, name, spec, faults)
    if (text === undefined) continue
    const result = spec.shape.safeParse(text)
    if (result.success) values[name] = result.data
    else {
      const shown = spec.secret ? 'the value (hidden)' : JSON.stringify(text)
      faults.push(`${name}: ${shown} ${result.error.issues.map((issue) => issue.message).join('; ')}`)
    }
  }
  values.given = new Set(Object.keys(configKeys).filter((name) => env[name] || env[`${name}_FILE`]))
  values.PUBLIC_URL ??= `http://127.0.0.1:${values.REGISTRY_PORT}`
  faults.push(...crossFaults(values as Config))
  if (faults.length > 0) throw new ConfigError(faults)
  return values as Config
}

function readText(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  spec: KeySpec,
  faults: string[],
) {
  const direct = env[name] || undefined
  const file = env[`${name}_FILE`] || undefined
  if (file === undefined) return direct ?? spec.default
  if (direct !== undefined) faults.push(`${name}: both ${name} and ${name}_FILE are set; keep one`)
  try {
    const text = readFileSync(file, 'utf8').trim()
    // Whoever names a file means its content: a secret that was never written must not pass for one that is not wanted.
    if (text === '') faults.push(`${name}_FILE: the file is empty`)
    return text || spec.default
  } catch (error) {
    faults.push(`${name}_FILE: the file cannot be read (${(error as { code?: string }).code ?? 'error'})`)
    return undefined
  }
}

/** True when this process runs the service. */
export function runsService(config: Config, service: 'registry' | 'teg' | 'event-store'): boolean {
  return isNamed(config.HOST_SERVICES, service)
}

function crossFaults(config: Config): string[] {
  const faults: string[] = []
  const { NINEFOLD_PROFILE: profile } = config
  if (config.HOST_SERVICES === undefined || profile === undefined) return faults
  const registry = runsService(config, 'registry')
  const teg = runsService(config, 'teg')
  // A value that is there but malformed is told once, as malformed.
  const isAbsent = (name: keyof typeof configKeys) => !config.given.has(name)
  const needs = (name: keyof typeof configKeys, why: string) => {
    if (isAbsent(name)) faults.push(`${name}: is required under NINEFOLD_PROFILE=${profile}: ${why}`)
  }
  if (profile !== 'embedded') {
    if (registry) needs('DATABASE_URL', 'the registry must not fall back to an embedded database')
    // Functions may come and go by the thousand: without Redis they coordinate in the database that they have.
    if (registry && profile === 'containers') needs('REDIS_URL', 'workers must share leases and limits')
    if (teg) needs('TEG_DATABASE_URL', 'the TEG must not fall back to an embedded database')
    else if (registry) needs('TEG_URL', 'the registry must not fall back to an embedded TEG')
  }
  faults.push(
    ...eventStoreFaults(config, isAbsent),
    ...federationFaults(isAbsent),
    ...(registry ? mintingFaults(config) : []),
    ...faasFaults(config, isAbsent),
  )
  const embedded =
    (registry && isAbsent('DATABASE_URL')) ||
    (!registry && runsService(config, 'event-store') && isAbsent('EVENT_STORE_DATABASE_URL')) ||
    ((registry ? isAbsent('TEG_URL') : teg) && isAbsent('TEG_DATABASE_URL'))
  if (config.HOST_WORKERS > 1 && embedded)
    faults.push(
      'HOST_WORKERS: an embedded database serves one process; set DATABASE_URL and TEG_DATABASE_URL, or HOST_WORKERS=1',
    )
  if (!isAbsent('TEG_URL') && isAbsent('TEG_SERVICE_TOKEN'))
    faults.push('TEG_SERVICE_TOKEN: is required with TEG_URL (or TEG_SERVICE_TOKEN_FILE)')
  if (teg && !registry && isAbsent('TEG_SERVICE_TOKEN'))
    faults.push(
      'TEG_SERVICE_TOKEN: is required where the TEG is a service of its own (or TEG_SERVICE_TOKEN_FILE)',
    )
  return faults
}
