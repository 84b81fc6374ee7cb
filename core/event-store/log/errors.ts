/** Refusals of the log. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const logErrors = {
  source_not_allowed: { status: 403, title: 'The caller may not speak for that source' },
  sequence_gap: { status: 409, title: 'The source has not told the events before it' },
  sequence_conflict: { status: 409, title: 'The log holds other content under that number' },
  log_unavailable: { status: 503, title: 'The log cannot be written or read at the moment' },
} as const satisfies ErrorTable

export const fail = problems(logErrors)
