/** Logs a developer in with address and password. */
import { emailKey } from '#core/base/email.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { hashPassword, isOutdated, verifyPassword } from '../hash-password.ts'
import { findAccountByEmail, lockAccount, updateAccount } from '../queries.ts'
import { requireSharedLimits } from '../require-shared-limits.ts'
import type { TokenReply } from '../schema.ts'
import { issueSession, type Origin } from './issue-session.ts'
import { failAttempt, openAttempt, passAttempt } from './throttle-login.ts'

/**
 * A new session. An address that is not verified yet may log in; what needs a verified one refuses it later.
 * @throws 401 unauthenticated alike for unknown accounts and wrong passwords, 429 rate_limited, 503 overloaded
 */
export async function logIn(
  ctx: RegistryContext,
  given: { email: string; password: string },
  origin: Origin,
): Promise<TokenReply> {
  await requireSharedLimits(ctx)
  const key = emailKey(given.email)
  const account = await findAccountByEmail(ctx.db, key)
  const attempt = await openAttempt(ctx, key, origin.address)
  const right = await verifyPassword(account?.password_hash ?? null, given.password)
  if (!right || !account) throw await failAttempt(ctx, attempt, refused())
  if (account.status !== 'active') throw fail('unauthenticated', 'The account is suspended.')
  const rehashed = isOutdated(account.password_hash) ? await hashPassword(given.password) : null
  return ctx.once(async (tx) => {
    const now = await lockAccount(tx, account.id)
    // Changed or suspended while the password was looked at: such a session would outlive the revocation.
    if (now?.status !== 'active' || now.password_hash !== account.password_hash) throw refused()
    await passAttempt(tx, attempt)
    if (rehashed) await updateAccount(tx, account.id, { passwordHash: rehashed }, ctx.time)
    return issueSession(tx, ctx, account.id, origin)
  })
}

const refused = () => fail('unauthenticated', 'The e-mail address or the password is wrong.')
