/** Logs: JSON lines of allow-listed fields; nothing else of a request, a body or an error's data can reach one. */
import pino from 'pino'
import { type Log, type LogFields, pickFields } from './log-fields.ts'

export { type Log, type LogFields, silentLog } from './log-fields.ts'

export interface LogOptions {
  level?: string
  /** Where lines go; standard output by default. */
  write?: (line: string) => void
}

/** Opens a log. */
export function openLog(options: LogOptions = {}): Log {
  const destination = options.write ? { write: options.write } : pino.destination({ fd: 1, sync: false })
  const base = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
    },
    destination as pino.DestinationStream,
  )
  return new BoundLog(base, base.isLevelEnabled('debug'), {})
}

/**
 * A log with fields of its own, merged when a line is written: most calls write none. A class, since each request makes two.
 */
class BoundLog implements Log {
  readonly isDebug: boolean
  private readonly base: pino.Logger
  private readonly bound: LogFields

  constructor(base: pino.Logger, isDebug: boolean, bound: LogFields) {
    this.base = base
    this.isDebug = isDebug
    this.bound = bound
  }

  debug(fields: LogFields, message: string): void {
    if (this.isDebug) this.base.debug(pickFields({ ...this.bound, ...fields }), message)
  }

  info(fields: LogFields, message: string): void {
    this.base.info(pickFields({ ...this.bound, ...fields }), message)
  }

  warn(fields: LogFields, message: string): void {
    this.base.warn(pickFields({ ...this.bound, ...fields }), message)
  }

  error(fields: LogFields, message: string): void {
    this.base.error(pickFields({ ...this.bound, ...fields }), message)
  }

  with(fields: LogFields): Log {
    return new BoundLog(this.base, this.isDebug, { ...this.bound, ...fields })
  }
}
