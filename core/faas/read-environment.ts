/** The one seam of configuration: variables, SST links and Worker bindings become the variables that the host reads too. */
import { configKeys } from '#core/platform/config.ts'
import type { Variables } from './platform.ts'

const SST_PREFIX = 'SST_RESOURCE_'

type Link = Readonly<Record<string, unknown>>

/**
 * Reads whatever the platform hands over: variables as they are; SST links (by name, or `SST_RESOURCE_<Name>` as JSON): a secret
 * `DatabaseUrl` is DATABASE_URL, a linked Postgres or Redis of that name becomes its address; Worker bindings: texts as
 * variables, Hyperdrive by its connection string. A variable that is set stands before a link of the same name.
 */
export function readEnvironment(source: Readonly<Record<string, unknown>>): Variables {
  const linked: Record<string, string> = {}
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(source)) {
    if (name.startsWith(SST_PREFIX)) take(linked, name.slice(SST_PREFIX.length), parseLink(value))
    else if (typeof value === 'string') plain[name] = value
    else if (isLink(value)) take(linked, name, value)
  }
  return { ...linked, ...plain }
}

const isLink = (value: unknown): value is Link => typeof value === 'object' && value !== null

function parseLink(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/** `DatabaseUrl`, or `DATABASE_URL` of a binding, as a key of the configuration. */
const keyOf = (name: string): string =>
  /^[A-Z0-9_]+$/.test(name) ? name : name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()

function take(into: Record<string, string>, name: string, link: unknown): void {
  const key = keyOf(name)
  if (!isLink(link) || !Object.hasOwn(configKeys, key)) return
  const value = addressOf(key, link) ?? link.value
  if (typeof value === 'string' && value !== '') into[key] = value
}

/** The address of a linked database or Redis; Hyperdrive brings its own. */
function addressOf(key: string, link: Link): string | undefined {
  if (typeof link.connectionString === 'string') return link.connectionString
  const { host, port, username = '', password = '', database } = link
  if (typeof host !== 'string' || typeof port !== 'number') return undefined
  const user = `${encodeURIComponent(String(username))}:${encodeURIComponent(String(password))}`
  if (key === 'REDIS_URL') return `rediss://${user}@${host}:${port}`
  return `postgres://${user}@${host}:${port}/${encodeURIComponent(String(database ?? 'postgres'))}?sslmode=require`
}
