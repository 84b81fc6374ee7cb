/** Registers a developer. The reply tells nobody whether an address has an account; a mail tells its owner. */
import { emailKey, untagged } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { isFlooded, queueMail, requireMail } from '../mail/queue-mail.ts'
import { hashPassword } from './hash-password.ts'
import { inviteRequired } from './invite-rule.ts'
import { claimInvite, type InviteClaim } from './invites/claim-invite.ts'
import { mailToken } from './mail-token.ts'
import { dropMailTokens, insertAccount, lockAccountByEmail, updateAccount } from './queries.ts'
import { grantKey, VERIFY_SECONDS } from './rules.ts'
import { revokeSessions } from './sessions/queries.ts'

interface Registration {
  email: string
  password: string
  display_name: string
  invite_code?: string | undefined
}

/**
 * Makes an account that is not verified yet and mails the link. A known address with a verified account gets a mail
 * that says so; one that never was verified takes the newer password for the time being, and each link confirms the
 * registration that it was mailed for: a stranger who registers the same address can't slip in a password of his own.
 * @throws 403 invite_required, 503 mail_not_configured, 503 overloaded
 */
export async function registerAccount(ctx: RegistryContext, given: Registration) {
  requireMail(ctx)
  const invited = await inviteRequired(ctx)
  const passwordHash = await hashPassword(given.password)
  const reply = await ctx.once(async (tx) => {
    const invite = invited ? await claimInvite(tx, ctx, given.invite_code, given.email) : null
    await register(tx, ctx, given, passwordHash, invite)
    return { status: 'verification_sent' as const }
  })
  ctx.wake('mail')
  return reply
}

async function register(
  tx: Transaction,
  ctx: RegistryContext,
  given: Registration,
  passwordHash: string,
  invite: InviteClaim | null,
): Promise<void> {
  const id = ctx.newId()
  const key = emailKey(given.email)
  const registered = { passwordHash, displayName: given.display_name }
  const made = await insertAccount(tx, {
    id,
    email: given.email,
    emailKey: key,
    grantKey: grantKey(untagged(given.email)),
    displayName: given.display_name,
    passwordHash,
    invite: invite?.id ?? null,
    time: ctx.time,
  })
  if (made) {
    await invite?.use()
    return mailToken(tx, ctx, { id, email: given.email }, 'verify', registered)
  }
  const held = await lockAccountByEmail(tx, key)
  if (held?.status !== 'active' || (await isFlooded(tx, ctx, held.email))) return
  if (held.email_verified_at !== null)
    return queueMail(tx, ctx, { kind: 'known', to: held.email, token: null, validSeconds: VERIFY_SECONDS })
  await updateAccount(tx, held.id, registered, ctx.time)
  await revokeSessions(tx, held.id, null, ctx.time)
  await dropMailTokens(tx, held.id, 'reset')
  await mailToken(tx, ctx, held, 'verify', registered)
}
