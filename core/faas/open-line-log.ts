/** A log for hosts that take lines: the same allow-listed fields as the function host's, without its machinery. */
import { type Log, type LogFields, pickFields } from '#core/platform/log-fields.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof levels)[number]

/** @param least the least level that is written */
export function openLineLog(
  write: (line: string) => void,
  now: () => Date,
  least: Level = 'info',
  bound: LogFields = {},
): Log {
  const from = levels.indexOf(least)
  const put = (level: Level) => (fields: LogFields, message: string) => {
    if (levels.indexOf(level) < from) return
    write(
      JSON.stringify({ level, time: now().toISOString(), ...pickFields({ ...bound, ...fields }), message }),
    )
  }
  return {
    isDebug: from === 0,
    debug: put('debug'),
    info: put('info'),
    warn: put('warn'),
    error: put('error'),
    with: (fields) => openLineLog(write, now, least, { ...bound, ...fields }),
  }
}
