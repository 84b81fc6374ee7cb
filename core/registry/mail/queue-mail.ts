/** Writes a mail into the outbox, in the transaction that makes it due. */
import { emailKey } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { countRecentMails, insertMail } from './queries.ts'
import { MAILS_PER_HOUR, type MailKind, writeMail } from './rules.ts'

/**
 * Queues a mail; call `ctx.wake('mail')` after the commit.
 * @param validSeconds how long the link inside is good: a mail that can't be sent until then is given up
 */
export async function queueMail(
  tx: Transaction,
  ctx: RegistryContext,
  mail: { kind: MailKind; to: string; token: string | null; validSeconds: number },
): Promise<void> {
  const { subject, text } = writeMail(mail.kind, {
    registry: ctx.config.REGISTRY_NAME,
    publicUrl: ctx.config.PUBLIC_URL,
    token: mail.token,
  })
  await insertMail(tx, {
    id: ctx.newId(),
    kind: mail.kind,
    recipient: mail.to,
    recipientKey: emailKey(mail.to),
    subject,
    body: ctx.keys.seal(text),
    validSeconds: mail.validSeconds,
    time: ctx.time,
  })
}

/** Refuses with 503 mail_not_configured where no mail can leave this registry. */
export function requireMail(ctx: RegistryContext): void {
  if (ctx.mailer.kind === 'none')
    throw fail('mail_not_configured', 'The operator has to set SMTP_URL; nothing was done.')
}

/** True when an address has had its mails of this hour. */
export async function isFlooded(tx: Transaction, ctx: RegistryContext, address: string): Promise<boolean> {
  return (await countRecentMails(tx, emailKey(address), ctx.time)) >= MAILS_PER_HOUR
}
