/** What can go wrong with settings. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const settingsErrors = {
  validation_failed: { status: 400, title: 'The request does not have the right shape' },
  out_of_bounds: { status: 422, title: 'The value is outside its bounds' },
  teg_unavailable: { status: 503, title: 'The token exchange gateway does not answer' },
} as const satisfies ErrorTable

export const fail = problems(settingsErrors)
