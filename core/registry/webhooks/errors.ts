/** Refusals of the domain webhooks. */
import { type ErrorTable, type FieldError, problems } from '#core/base/errors.ts'

export const webhookErrors = {
  validation_failed: { status: 400, title: 'The request does not have the right shape' },
  email_not_verified: { status: 403, title: 'The e-mail address of the account is not verified yet' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  too_many_webhooks: { status: 409, title: 'There are as many webhooks as there may be' },
  webhook_disabled: { status: 409, title: 'The webhook is disabled' },
  out_of_bounds: { status: 422, title: 'The value is outside its bounds' },
} as const satisfies ErrorTable
export const fail = problems(webhookErrors)

/** 400 validation_failed about one field of the body. */
export function invalidField(pointer: string, code: string, detail: string) {
  const errors: FieldError[] = [{ pointer, code, detail }]
  return fail('validation_failed', `${pointer}: ${detail}`, { errors })
}
