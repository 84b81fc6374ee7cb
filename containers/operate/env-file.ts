/** Reads and writes .env.operator: lines of KEY=value as Compose takes them. */

/** The secrets of a stack, and the shape that each must have. */
export const SECRETS: Readonly<Record<string, number>> = {
  PG_PASS_REGISTRY: 24,
  PG_OWNER_PASS_REGISTRY: 24,
  PG_PASS_TEG: 24,
  PG_OWNER_PASS_TEG: 24,
  PG_AUDITOR_PASS: 24,
  PGBOUNCER_ADMIN_PASS: 24,
  REDIS_PASSWORD: 24,
  TEG_SERVICE_TOKEN: 32,
  FEDERATION_PROXY_TOKEN: 32,
  SECRET_KEY: 32,
  OPERATOR_API_KEY: 32,
  ES_PASS: 24,
  ES_OWNER_PASS: 24,
  EVENT_STORE_SERVICE_TOKEN: 32,
}

/** The secrets of a mainframe. */
export const FRAME_SECRETS = [
  'ES_PASS',
  'ES_OWNER_PASS',
  'ES_AUDITOR_PASS',
  'ES_SECRET_KEY',
  'HUB_PASS',
  'HUB_OWNER_PASS',
  'HUB_TEG_PASS',
  'HUB_AUDITOR_PASS',
  'HUB_REDIS_PASSWORD',
  'HUB_PROXY_TOKEN',
  'HUB_SECRET_KEY',
  'HUB_OPERATOR_API_KEY',
] as const

/** The values of a file; comments and empty values are left out, quotes are taken off. */
export function readEnv(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (!match) continue
    const [, name = '', raw = ''] = match
    const value = raw.trim().replace(/^(["'])(.*)\1$/, '$2')
    if (value !== '') found[name] = value
  }
  return found
}

/** The template with values in their places. @throws for a name that the template does not have */
export function fillEnv(template: string, values: Readonly<Record<string, string>>): string {
  const left = new Set(Object.keys(values))
  const lines = template.split('\n').map((line) => {
    const name = /^([A-Z_]+)=/.exec(line)?.[1]
    if (name === undefined || !left.delete(name)) return line
    return `${name}=${values[name]}`
  })
  if (left.size > 0) throw new Error(`the template does not know ${[...left].join(', ')}`)
  return lines.join('\n')
}

/** What is wrong with the secrets of a file, name by name; values are not repeated. */
export function judgeSecrets(values: Readonly<Record<string, string>>): string[] {
  const faults = Object.entries(SECRETS).flatMap(([name, length]) => {
    const value = values[name]
    if (value === undefined) return [`${name}: is missing`]
    if (!/^[A-Za-z0-9_-]+$/.test(value))
      return [`${name}: may have A-Z a-z 0-9 _ - only: it becomes part of an address`]
    if (value.length < length) return [`${name}: must have at least ${length} characters`]
    return []
  })
  const seen = new Map<string, string>()
  for (const name of Object.keys(SECRETS)) {
    const value = values[name]
    if (value === undefined) continue
    const first = seen.get(value)
    if (first !== undefined) faults.push(`${name}: is the same as ${first}`)
    else seen.set(value, name)
  }
  return faults
}
