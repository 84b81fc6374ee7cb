/** Sends the mails that are due: claimed in a short transaction, sent outside of any, retried with growing delay. */
import { MailError } from '#core/platform/mail.ts'
import type { RegistryResources } from '../context.ts'
import { claimMails, finishMail, type MailRow, postponeMail } from './queries.ts'
import { LEASE_SECONDS, retryDelay } from './rules.ts'

const BATCH = 20
/** Most batches of one call: a flood of mails does not keep a caller for ever. */
const ROUNDS_MAX = 50

/**
 * Sends what is due now. Call it when woken with 'mail' and every few seconds.
 * @returns how many were sent
 */
export async function sendDueMails(held: RegistryResources, signal?: AbortSignal): Promise<number> {
  if (held.mailer.kind === 'none') return 0
  let sent = 0
  for (let round = 0; round < ROUNDS_MAX && !signal?.aborted; round++) {
    const mails = await held.db.transaction((tx) => claimMails(tx, BATCH, LEASE_SECONDS, held.clock.fixed))
    const results = await Promise.all(mails.map((mail) => sendOne(held, mail)))
    sent += results.filter(Boolean).length
    if (mails.length < BATCH) break
  }
  return sent
}

async function sendOne(held: RegistryResources, mail: MailRow): Promise<boolean> {
  const time = held.clock.fixed
  if (mail.useless) {
    await finishMail(held.db, mail, 'failed', 'expired', time)
    return false
  }
  try {
    const text = held.keys.unseal(mail.body)
    await held.mailer.send({
      id: mail.id,
      to: mail.recipient,
      subject: mail.subject,
      text,
      time: mail.created_at,
    })
  } catch (error) {
    const known = error instanceof MailError
    const code = known ? error.code : 'internal'
    const delay = known && error.permanent ? null : retryDelay(mail.attempts)
    held.log.warn({ code, count: mail.attempts, error }, 'mail not sent')
    if (delay === null) await finishMail(held.db, mail, 'failed', code, time)
    else await postponeMail(held.db, mail, delay, code, time)
    return false
  }
  await finishMail(held.db, mail, 'sent', null, time)
  return true
}
