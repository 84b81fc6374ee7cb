/** What a developer reads and changes of their own account. */
import { emailKey } from '#core/base/email.ts'
import type { RegistryContext } from '../context.ts'
import { fail, invalidField } from './errors.ts'
import { hashPassword, verifyPassword } from './hash-password.ts'
import { dropMailTokens, findAccount, lockAccount, updateAccount } from './queries.ts'
import { requireDeveloper } from './require-developer.ts'
import type { Account, ChangeMe } from './schema.ts'
import { revokeSessions } from './sessions/queries.ts'
import { type Attempt, failAttempt, forgetFailures, openAttempt } from './sessions/throttle-login.ts'
import { showAccount } from './show-account.ts'

/** @throws 401 unauthenticated when the account has gone since the call began */
export async function readMe(ctx: RegistryContext): Promise<Account> {
  const row = await findAccount(ctx.db, requireDeveloper(ctx).account)
  if (!row) throw fail('unauthenticated')
  return showAccount(row)
}

/**
 * Changes name or password. A new password needs the current one, ends the other sessions and links that reset it.
 * @param address where the call comes from: wrong passwords are counted by it, as at login
 * @throws 400 validation_failed at /current_password, 401 unauthenticated, 429 rate_limited, 503 overloaded
 */
export async function changeMe(ctx: RegistryContext, wish: ChangeMe, address: string): Promise<Account> {
  const { account, session } = requireDeveloper(ctx)
  const proof = await provePassword(ctx, account, wish, address)
  const change = proof && 'after' in proof ? proof : null
  const work = ctx.once(async (tx) => {
    // Not before: a repeat under the same Idempotency-Key gets its first answer, though the password is another now.
    if (proof && !change) throw wrongPassword()
    const held = await lockAccount(tx, account)
    if (held?.status !== 'active') throw fail('unauthenticated')
    if (change && held.password_hash !== change.before) throw wrongPassword()
    const row = await updateAccount(
      tx,
      account,
      {
        ...(wish.display_name === undefined ? {} : { displayName: wish.display_name }),
        ...(change ? { passwordHash: change.after } : {}),
      },
      ctx.time,
    )
    if (change) {
      await revokeSessions(tx, account, session, ctx.time)
      await dropMailTokens(tx, account, 'reset')
      await forgetFailures(tx, held.email)
    }
    return showAccount(row ?? held)
  })
  return work.catch(async (error) => {
    throw proof && 'attempt' in proof ? await failAttempt(ctx, proof.attempt, error) : error
  })
}

/** Checks the current password and hashes the new one; the attempt when it was wrong; null when none is wished. */
async function provePassword(
  ctx: RegistryContext,
  account: string,
  wish: ChangeMe,
  address: string,
): Promise<{ before: string; after: string } | { attempt: Attempt } | null> {
  const { password, current_password: current } = wish
  if (password === undefined && current === undefined) return null
  if (password === undefined) throw invalidField('/password', 'required', 'is required with current_password')
  if (current === undefined) throw invalidField('/current_password', 'required', 'is required with password')
  const held = await findAccount(ctx.db, account)
  if (!held) throw fail('unauthenticated')
  const attempt = await openAttempt(ctx, emailKey(held.email), address)
  if (!(await verifyPassword(held.password_hash, current))) return { attempt }
  return { before: held.password_hash, after: await hashPassword(password) }
}

const wrongPassword = () =>
  invalidField('/current_password', 'wrong_password', 'is not the current password of the account')
