/** What can go wrong with emission policies. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const policyErrors = {
  out_of_bounds: { status: 422, title: 'The value is outside its bounds' },
  precondition_failed: { status: 412, title: 'It has changed since it was read' },
} as const satisfies ErrorTable

export const fail = problems(policyErrors)
