/** What the probes answer. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const healthErrors = {
  not_ready: { status: 503, title: 'This instance cannot serve yet' },
} as const satisfies ErrorTable

export const fail = problems(healthErrors)
