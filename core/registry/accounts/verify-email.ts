/** Proves an e-mail address with the token that was mailed to it, and mails another one on request. */
import { emailKey } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { isFlooded, requireMail } from '../mail/queue-mail.ts'
import { fail, invalidField } from './errors.ts'
import { emitDeveloperVerified } from './events.ts'
import { mailToken } from './mail-token.ts'
import {
  dropMailTokens,
  lockAccount,
  lockAccountByEmail,
  markVerified,
  takeMailToken,
  updateAccount,
} from './queries.ts'
import { sha256Hex } from './rules.ts'
import { revokeSessions } from './sessions/queries.ts'

/** @throws 400 validation_failed at /token when it is unknown, used or expired */
export async function verifyEmail(ctx: RegistryContext, token: string): Promise<void> {
  await ctx.once(async (tx) => {
    const link = await takeMailToken(tx, sha256Hex(token), 'verify', ctx.time)
    if (!link) throw invalidField('/token', 'unknown_token', UNKNOWN)
    await dropMailTokens(tx, link.account, 'verify')
    if (!(await markVerified(tx, link.account, ctx.time))) return null
    await confirm(tx, link, ctx.time)
    await emitDeveloperVerified(tx, ctx, link.account)
    return null
  })
  ctx.wake('relay')
}

const UNKNOWN =
  'is unknown, used or expired; a new link comes with POST /api/v1/auth/verify-email/resend {"email": "..."}'

/** Makes the registration of a link the account's own where somebody registered the address again meanwhile. */
async function confirm(
  tx: Transaction,
  link: { account: string; password_hash: string | null; display_name: string | null },
  time: Date | null,
): Promise<void> {
  if (link.password_hash === null || link.display_name === null) return
  const held = await lockAccount(tx, link.account)
  if (held?.password_hash === link.password_hash) return
  const registered = { passwordHash: link.password_hash, displayName: link.display_name }
  await updateAccount(tx, link.account, registered, time)
  await revokeSessions(tx, link.account, null, time)
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
