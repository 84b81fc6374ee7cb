/** What a log line may hold, whoever writes it: allow-listed fields, errors without what could be a secret. */

/** The fields that a log line may carry. A new field is added here, with a thought to what it may hold. */
export interface LogFields {
  request_id?: string
  /** Ids of the requests that one of ours carries, parted by blanks. */
  request_ids?: string
  service?: string
  function?: string
  method?: string
  /** The route's pattern, never the address with its ids and query. */
  route?: string
  status?: number
  code?: string
  duration_ms?: number
  caller?: string
  task?: string
  run?: string
  reactor?: string
  port?: number
  /** The place of a worker, from 1. */
  worker?: number
  count?: number
  address?: string
  version?: string
  event_type?: string
  index?: string
  path?: string
  hint?: string
  error?: unknown
}

export interface Log {
  /** True when debug lines are written: spares making their fields. */
  readonly isDebug: boolean
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  with(fields: LogFields): Log
}

const allowed = new Set([
  'request_id',
  'request_ids',
  'service',
  'function',
  'method',
  'route',
  'status',
  'code',
  'duration_ms',
  'caller',
  'task',
  'run',
  'reactor',
  'port',
  'worker',
  'count',
  'address',
  'version',
  'event_type',
  'index',
  'path',
  'hint',
])

/** Name, code and stack of an error; its message only when the error is ours or the database's own words. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: 'unknown' }
  const code = (error as { code?: unknown }).code
  const stack = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 12)
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {}
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: scrub(error.message),
    stack: stack.join('\n'),
    ...cause,
  }
}

/** Hides what looks like a credential or an address inside a message. */
function scrub(text: string): string {
  return text
    .slice(0, 500)
    .replace(/\b(nf[kaori]|apt|nft)_[A-Za-z0-9_-]+/g, '$1_[hidden]')
    .replace(/\beyJ[A-Za-z0-9_.-]+/g, '[jwt hidden]')
    .replace(/[^\s@]+@[^\s@]+\.[^\s@]+/g, '[address hidden]')
    .replace(/(:\/\/[^:/\s]*:)[^@\s]+@/g, '$1[hidden]@')
}

/** The allowed fields of a line, with an error put into words. */
export function pickFields(fields: LogFields): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'error') kept.error = describeError(value)
    else if (allowed.has(key) && (typeof value === 'string' || typeof value === 'number')) kept[key] = value
  }
  return kept
}

/** A log that keeps nothing (tests that do not read it). */
export const silentLog: Log = {
  isDebug: false,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
}
