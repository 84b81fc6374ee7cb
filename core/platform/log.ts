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
  const debugs = base.isLevelEnabled('debug')
  // The bound fields are merged when a line is written: most calls write none.
  const make = (bound: LogFields): Log => ({
    isDebug: debugs,
    debug: (fields, message) => debugs && base.debug(pickFields({ ...bound, ...fields }), message),
    info: (fields, message) => base.info(pickFields({ ...bound, ...fields }), message),
    warn: (fields, message) => base.warn(pickFields({ ...bound, ...fields }), message),
    error: (fields, message) => base.error(pickFields({ ...bound, ...fields }), message),
    with: (fields) => make({ ...bound, ...fields }),
  })
  return make({})
}
