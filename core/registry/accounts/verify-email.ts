/** Proves an e-mail address with the token that was mailed to it, and mails another one on request. */
import { emailKey } from '#core/base/email.ts'
import type { RegistryContext } from '../context.ts'
import { isFlooded, requireMail } from '../mail/queue-mail.ts'
import { fail, invalidField } from './errors.ts'
import { emitDeveloperVerified } from './events.ts'
import { mailToken } from './mail-token.ts'
import { dropMailTokens, lockAccountByEmail, markVerified, takeMailToken } from './queries.ts'
import { sha256Hex } from './rules.ts'

/** @throws 400 validation_failed at /token when it is unknown, used or expired */
export async function verifyEmail(ctx: RegistryContext, token: string): Promise<void> {
  await ctx.once(async (tx) => {
    const account = await takeMailToken(tx, sha256Hex(token), 'verify', ctx.time)
    if (account === null) throw invalidField('/token', 'unknown_token', 'is unknown, used or expired')
    await dropMailTokens(tx, account, 'verify')
    if (await markVerified(tx, account, ctx.time)) await emitDeveloperVerified(tx, ctx, account)
    return null
  })
  ctx.wake('relay')
}

/**
 * Mails the link again: to the address given, or to that of the session. Answers alike whether there is such an account.
 * @throws 401 unauthenticated without address and session
 */
export async function resendVerification(ctx: RegistryContext, email: string | undefined): Promise<void> {
  requireMail(ctx)
  const address = email ?? (ctx.caller.kind === 'developer' ? ctx.caller.email : undefined)
  if (address === undefined) throw fail('unauthenticated', 'Send the email, or an access token.')
  await ctx.once(async (tx) => {
    const held = await lockAccountByEmail(tx, emailKey(address))
    if (held?.status !== 'active' || held.email_verified_at !== null) return null
    if (!(await isFlooded(tx, ctx, held.email))) await mailToken(tx, ctx, held, 'verify')
    return null
  })
  ctx.wake('mail')
}
