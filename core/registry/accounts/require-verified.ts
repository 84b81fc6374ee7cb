/** Refuses callers whose account has not proved its e-mail address. */
import type { Caller } from '#core/base/caller.ts'
import { fail } from './errors.ts'

/** @throws 403 email_not_verified */
export function requireVerified(caller: Caller): void {
  if (caller.kind === 'developer' && !caller.emailVerified)
    throw fail(
      'email_not_verified',
      'Open the link in the mail first; POST /auth/verify-email/resend sends it again.',
    )
}
