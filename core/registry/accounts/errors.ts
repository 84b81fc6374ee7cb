/** Refusals of the domain accounts. */
import { type ErrorTable, type FieldError, problems } from '#core/base/errors.ts'

export const accountErrors = {
  validation_failed: { status: 400, title: 'The request does not have the right shape' },
  unauthenticated: { status: 401, title: 'A valid credential is needed' },
  email_not_verified: { status: 403, title: 'The e-mail address of the account is not verified yet' },
  invite_required: { status: 403, title: 'Registration needs a valid invite' },
  insufficient_scope: { status: 403, title: 'The credential is not allowed to do this' },
  not_owner: { status: 403, title: 'The agent belongs to somebody else' },
  agent_not_found: { status: 404, title: 'There is no such agent' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  account_has_agents: { status: 409, title: 'The account still has agents that are not retired' },
  agent_not_active: { status: 409, title: 'The agent is not active' },
  too_many_keys: { status: 409, title: 'The account holds as many keys as it may' },
  kid_taken: { status: 409, title: 'The account has a signing key of that kid already' },
  rate_limited: { status: 429, title: 'Too many requests' },
  overloaded: { status: 503, title: 'The registry is at its limit; nothing was done' },
} as const satisfies ErrorTable
export const fail = problems(accountErrors)

/** 400 validation_failed about fields of the body; there is at least one. */
export function invalidFields(errors: FieldError[]) {
  const [first] = errors
  return fail('validation_failed', `${first?.pointer}: ${first?.detail}`, { errors })
}

/** 400 validation_failed about one field of the body. */
export const invalidField = (pointer: string, code: string, detail: string) =>
  invalidFields([{ pointer, code, detail }])
