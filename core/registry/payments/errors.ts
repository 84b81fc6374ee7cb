/** What can go wrong with payment tokens; the gate's own refusals stand in core/wire/teg.ts. */
import { type ErrorTable, problems } from '#core/base/errors.ts'
import { gateErrors } from '#core/wire/teg.ts'

export const paymentErrors = {
  ...gateErrors,
  validation_failed: { status: 400, title: 'The request does not have the right shape' },
  not_owner: { status: 403, title: 'This belongs to somebody else' },
} as const satisfies ErrorTable

export const fail = problems(paymentErrors)
