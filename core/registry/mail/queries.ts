/** Statements of the mails. */
import type { Database, Transaction } from '#core/platform/database/database.ts'

export interface MailRow {
  id: string
  recipient: string
  subject: string
  body: string
  attempts: number
  created_at: Date
  useless: boolean
}

export interface NewMail {
  id: string
  kind: string
  recipient: string
  recipientKey: string
  subject: string
  body: string
  validSeconds: number
  time: Date | null
}

export const insertMail = (tx: Transaction, mail: NewMail) =>
  tx.query(
    `insert into registry.mails
       (id, kind, recipient, recipient_key, subject, body, next_attempt_at, useless_after, created_at)
     select $1, $2, $3, $4, $5, $6, n.now, n.now + make_interval(secs => $7), n.now
     from (select coalesce($8::timestamptz, clock_timestamp()) as now) n`,
    [
      mail.id,
      mail.kind,
      mail.recipient,
      mail.recipientKey,
      mail.subject,
      mail.body,
      mail.validSeconds,
      mail.time,
    ],
  )

/** Mails queued for an address within the last hour. */
export async function countRecentMails(
  tx: Transaction,
  recipientKey: string,
  time: Date | null,
): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::integer as count from registry.mails
     where recipient_key = $1 and created_at > coalesce($2::timestamptz, clock_timestamp()) - interval '1 hour'`,
    [recipientKey, time],
  )
  return row?.count ?? 0
}

/** Takes due mails for `leaseSeconds`; rivals take others. */
export const claimMails = (tx: Transaction, limit: number, leaseSeconds: number, time: Date | null) =>
  tx.query<MailRow>(
    `with due as (
       select id from registry.mails
       where state = 'waiting' and next_attempt_at <= coalesce($3::timestamptz, clock_timestamp())
       order by next_attempt_at limit $1 for update skip locked)
     update registry.mails m
     set attempts = m.attempts + 1,
         next_attempt_at = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $2)
     from due where m.id = due.id
     returning m.id, m.recipient, m.subject, m.body, m.attempts, m.created_at,
       m.useless_after < coalesce($3::timestamptz, clock_timestamp()) as useless`,
    [limit, leaseSeconds, time],
  )

/** Ends a mail, unless another sender has taken it over meanwhile. The secret inside goes. */
export const finishMail = (
  db: Database,
  mail: { id: string; attempts: number },
  state: 'sent' | 'failed',
  error: string | null,
  time: Date | null,
) =>
  db.query(
    `update registry.mails
     set state = $3, body = null, last_error = $4, finished_at = coalesce($5::timestamptz, clock_timestamp())
     where id = $1 and attempts = $2 and state = 'waiting'`,
    [mail.id, mail.attempts, state, error, time],
  )

export const postponeMail = (
  db: Database,
  mail: { id: string; attempts: number },
  delaySeconds: number,
  error: string,
  time: Date | null,
) =>
  db.query(
    `update registry.mails
     set last_error = $4,
         next_attempt_at = coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $3)
     where id = $1 and attempts = $2 and state = 'waiting'`,
    [mail.id, mail.attempts, delaySeconds, error, time],
  )

/** Forgets what was sent to an address (a deleted account). */
export const deleteMailsTo = (tx: Transaction, recipientKey: string) =>
  tx.query('delete from registry.mails where recipient_key = $1', [recipientKey])

/** Drops mails 30 days after they ended, or after their link did where they never could be sent. */
export const sweepMails = (tx: Transaction, limit: number, time: Date | null) =>
  tx.query(
    `delete from registry.mails where id in (
       select id from registry.mails
       where (state <> 'waiting' and finished_at < coalesce($2::timestamptz, clock_timestamp()) - interval '30 days')
         or (state = 'waiting' and useless_after < coalesce($2::timestamptz, clock_timestamp()) - interval '30 days')
       limit $1 for update skip locked) returning id`,
    [limit, time],
  )
