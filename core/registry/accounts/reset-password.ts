/** A forgotten password: mails a link, and sets a new password with the token in it. */
import { emailKey } from '#core/base/email.ts'
import type { RegistryContext } from '../context.ts'
import { isFlooded, requireMail } from '../mail/queue-mail.ts'
import { invalidField } from './errors.ts'
import { emitDeveloperVerified } from './events.ts'
import { hashPassword } from './hash-password.ts'
import { mailToken } from './mail-token.ts'
import { dropMailTokens, lockAccountByEmail, markVerified, takeMailToken, updateAccount } from './queries.ts'
import { sha256Hex } from './rules.ts'
import { revokeSessions } from './sessions/queries.ts'
import { forgetFailures } from './sessions/throttle-login.ts'

/** Answers alike for known and unknown addresses. @throws 503 mail_not_configured */
export async function forgotPassword(ctx: RegistryContext, email: string): Promise<void> {
  requireMail(ctx)
  await ctx.once(async (tx) => {
    const held = await lockAccountByEmail(tx, emailKey(email))
    if (held?.status === 'active' && !(await isFlooded(tx, ctx, held.email)))
      await mailToken(tx, ctx, held, 'reset')
    return null
  })
  ctx.wake('mail')
}

const UNKNOWN =
  'is unknown, used or expired; a new link comes with POST /api/v1/auth/password/forgot {"email": "..."}'

/**
 * Sets a new password, ends all sessions and every other link. Whoever holds the token reads the mails of the address,
 * so it counts as verified.
 * @throws 400 validation_failed at /token when it is unknown, used or expired, 503 overloaded
 */
export async function resetPassword(ctx: RegistryContext, given: { token: string; password: string }) {
  const passwordHash = await hashPassword(given.password)
  await ctx.once(async (tx) => {
    const link = await takeMailToken(tx, sha256Hex(given.token), 'reset', ctx.time)
    const row = link && (await updateAccount(tx, link.account, { passwordHash }, ctx.time))
    if (row?.status !== 'active') throw invalidField('/token', 'unknown_token', UNKNOWN)
    await revokeSessions(tx, row.id, null, ctx.time)
    await dropMailTokens(tx, row.id, null)
    await forgetFailures(tx, row.email)
    if (await markVerified(tx, row.id, ctx.time)) await emitDeveloperVerified(tx, ctx, row.id)
    return null
  })
  ctx.wake('relay')
}
