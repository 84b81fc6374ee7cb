/** Statements of sessions, refresh tokens and failed logins. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface SessionRow {
  id: string
  account: string
  address: string
  user_agent: string | null
  created_at: Date
  last_used_at: Date
  expires_at: Date
}

export const insertSession = (
  tx: Transaction,
  row: {
    id: string
    account: string
    address: string
    userAgent: string | null
    seconds: number
    time: Date | null
  },
) =>
  tx.query(
    `insert into registry.sessions (id, account, address, user_agent, created_at, last_used_at, expires_at)
     select $1::uuid, $2::uuid, $3, $4, n.now, n.now, n.now + make_interval(secs => $5)
     from (select coalesce($6::timestamptz, clock_timestamp()) as now) n`,
    [row.id, row.account, row.address, row.userAgent, row.seconds, row.time],
  )

export const insertRefreshToken = (
  tx: Transaction,
  row: { hash: string; session: string; seconds: number; time: Date | null },
) =>
  tx.query(
    `insert into registry.refresh_tokens (hash, session, created_at, expires_at)
     select $1, $2::uuid, n.now, n.now + make_interval(secs => $3)
     from (select coalesce($4::timestamptz, clock_timestamp()) as now) n`,
    [row.hash, row.session, row.seconds, row.time],
  )

/** Uses a refresh token up, once. @returns its session; undefined when it is unknown, used or expired */
export const takeRefreshToken = async (tx: Transaction, hash: string, time: Date | null) =>
  (
    await tx.query<{ session: string }>(
      `update registry.refresh_tokens set used_at = coalesce($2::timestamptz, clock_timestamp())
       where hash = $1 and used_at is null and expires_at > coalesce($2::timestamptz, clock_timestamp())
       returning session`,
      [hash, time],
    )
  )[0]?.session

/** The session of a refresh token, used or not, and whether it was used. */
export const findRefreshToken = async (db: Queryable, hash: string) =>
  (
    await db.query<{ session: string; used: boolean }>(
      'select session, used_at is not null as used from registry.refresh_tokens where hash = $1',
      [hash],
    )
  )[0]

/** Marks a living session of an active account as used. @returns its account */
export const touchSession = async (tx: Transaction, id: string, time: Date | null) =>
  (
    await tx.query<{ account: string }>(
      `update registry.sessions s set last_used_at = coalesce($2::timestamptz, clock_timestamp())
       from registry.accounts a
       where s.id = $1 and a.id = s.account and a.status = 'active' and s.revoked_at is null
         and s.expires_at > coalesce($2::timestamptz, clock_timestamp())
       returning s.account`,
      [id, time],
    )
  )[0]?.account

export interface LiveSessionRow {
  session: string
  account: string
  email: string
  verified: boolean
  roles: string[]
}

/** The account behind a living session: the one statement of every call with an access token. */
export const findLiveSessions = (db: Queryable, ids: readonly string[], time: Date | null) =>
  db.query<LiveSessionRow>(
    `select s.id as session, a.id as account, a.email, a.email_verified_at is not null as verified, a.roles
     from registry.sessions s join registry.accounts a on a.id = s.account
     where s.id = any($1::uuid[]) and s.revoked_at is null and a.status = 'active'
       and s.expires_at > coalesce($2::timestamptz, clock_timestamp())`,
    [ids, time],
  )

const LIVE = `account = $1 and revoked_at is null and expires_at > coalesce($2::timestamptz, clock_timestamp())`
const COLUMNS = 'id, account, address, user_agent, created_at, last_used_at, expires_at'

export const listSessions = (
  db: Queryable,
  account: string,
  after: string | null,
  limit: number,
  time: Date | null,
) =>
  db.query<SessionRow>(
    `select ${COLUMNS} from registry.sessions
     where ${LIVE} and ($3::uuid is null or id < $3::uuid) order by id desc limit $4`,
    [account, time, after, limit],
  )

export const findSession = async (db: Queryable, account: string, id: string, time: Date | null) =>
  (
    await db.query<SessionRow>(`select ${COLUMNS} from registry.sessions where ${LIVE} and id = $3`, [
      account,
      time,
      id,
    ])
  )[0]

/** Ends one session. @returns false when there was none alive */
export async function revokeSession(tx: Transaction, id: string, time: Date | null): Promise<boolean> {
  const rows = await tx.query(
    `update registry.sessions set revoked_at = coalesce($2::timestamptz, clock_timestamp())
     where id = $1 and revoked_at is null returning id`,
    [id, time],
  )
  return rows.length === 1
}

/** Ends the sessions of an account, all but `except`. */
export const revokeSessions = (tx: Transaction, account: string, except: string | null, time: Date | null) =>
  tx.query(
    `update registry.sessions set revoked_at = coalesce($3::timestamptz, clock_timestamp())
     where account = $1 and revoked_at is null and ($2::uuid is null or id <> $2::uuid)`,
    [account, except, time],
  )

/** True when somebody got into the account of an e-mail address from this client address before. */
export async function isKnownAddress(db: Queryable, emailKey: string, address: string): Promise<boolean> {
  const rows = await db.query(
    `select 1 from registry.accounts a join registry.sessions s on s.account = a.id
     where a.email_key = $1 and s.address = $2 limit 1`,
    [emailKey, address],
  )
  return rows.length > 0
}

export interface FailureRow {
  subject: string
  failures: number
  wait_seconds: number
}

/** Failures that are still remembered, and the seconds left of their delay. */
export const listFailures = (
  db: Queryable,
  subjects: readonly string[],
  memorySeconds: number,
  time: Date | null,
) =>
  db.query<FailureRow>(
    `select subject, failures,
       greatest(0, coalesce(extract(epoch from blocked_until - n.now), 0))::float8 as wait_seconds
     from registry.login_failures, (select coalesce($3::timestamptz, clock_timestamp()) as now) n
     where subject = any($1::text[]) and last_failed_at > n.now - make_interval(secs => $2)`,
    [subjects, memorySeconds, time],
  )

/** Counts one failure more; old ones are forgotten. @returns the count */
export async function addFailure(
  tx: Transaction,
  subject: string,
  memorySeconds: number,
  time: Date | null,
): Promise<number> {
  const [row] = await tx.query<{ failures: number }>(
    `insert into registry.login_failures as f (subject, failures, last_failed_at)
     values ($1, 1, coalesce($3::timestamptz, clock_timestamp()))
     on conflict (subject) do update set
       failures = case when f.last_failed_at > excluded.last_failed_at - make_interval(secs => $2)
         then f.failures + 1 else 1 end,
       last_failed_at = excluded.last_failed_at
     returning failures`,
    [subject, memorySeconds, time],
  )
  return row?.failures ?? 1
}

export const setBlocked = (tx: Transaction, subject: string, seconds: number, time: Date | null) =>
  tx.query(
    `update registry.login_failures
     set blocked_until = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $2)
     where subject = $1`,
    [subject, seconds, time],
  )

export const dropFailures = (tx: Transaction, subjects: readonly string[]) =>
  tx.query('delete from registry.login_failures where subject = any($1::text[])', [subjects])

/** Forgets the failures at an account from every address. */
export const dropAccountFailures = (tx: Transaction, email: string) =>
  tx.query(
    `delete from registry.login_failures where subject = 'account:' || $1 or subject like 'known:' || $1 || ':%'`,
    [email],
  )

export const sweepFailures = (tx: Transaction, limit: number, memorySeconds: number, time: Date | null) =>
  tx.query(
    `delete from registry.login_failures where subject in (
       select subject from registry.login_failures
       where last_failed_at < coalesce($3::timestamptz, clock_timestamp()) - make_interval(secs => $2) limit $1 for update skip locked)
     returning subject`,
    [limit, memorySeconds, time],
  )

/** Drops sessions a week after their end; their refresh tokens go with them. */
export const sweepSessions = (tx: Transaction, limit: number, time: Date | null) =>
  tx.query(
    `delete from registry.sessions where id in (
       select id from registry.sessions
       where expires_at < coalesce($2::timestamptz, clock_timestamp()) - interval '7 days' limit $1 for update skip locked)
     returning id`,
    [limit, time],
  )

/** Drops refresh tokens a week after they expired: until then a reuse is recognised. */
export const sweepRefreshTokens = (tx: Transaction, limit: number, time: Date | null) =>
  tx.query(
    `delete from registry.refresh_tokens where hash in (
       select hash from registry.refresh_tokens
       where expires_at < coalesce($2::timestamptz, clock_timestamp()) - interval '7 days' limit $1 for update skip locked)
     returning hash`,
    [limit, time],
  )

/** Forgets the sessions of a deleted account with their addresses; refresh tokens go with them. */
export const deleteSessions = (tx: Transaction, account: string) =>
  tx.query('delete from registry.sessions where account = $1', [account])
