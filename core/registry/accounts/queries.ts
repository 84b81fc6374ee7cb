/** Statements of the accounts and of the tokens that are mailed to them. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface AccountRow {
  id: string
  email: string
  display_name: string
  password_hash: string
  email_verified_at: Date | null
  roles: string[]
  status: 'active' | 'suspended' | 'deleted'
  created_at: Date
}

const COLUMNS = 'id, email, display_name, password_hash, email_verified_at, roles, status, created_at'

/** Makes an account. @returns false when the address has one already */
export async function insertAccount(
  tx: Transaction,
  row: {
    id: string
    email: string
    emailKey: string
    grantKey: string
    displayName: string
    passwordHash: string
    invite: string | null
    time: Date | null
  },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into registry.accounts
       (id, email, email_key, grant_key, display_name, password_hash, invite, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7,
       coalesce($8::timestamptz, clock_timestamp()), coalesce($8::timestamptz, clock_timestamp()))
     on conflict (email_key) do nothing returning id`,
    [row.id, row.email, row.emailKey, row.grantKey, row.displayName, row.passwordHash, row.invite, row.time],
  )
  return rows.length === 1
}

export const findAccountByEmail = async (db: Queryable, emailKey: string) =>
  (await db.query<AccountRow>(`select ${COLUMNS} from registry.accounts where email_key = $1`, [emailKey]))[0]

export const findAccount = async (db: Queryable, id: string) =>
  (await db.query<AccountRow>(`select ${COLUMNS} from registry.accounts where id = $1`, [id]))[0]

/** Reads an account for a change; rivals wait. */
export const lockAccount = async (tx: Transaction, id: string) =>
  (await tx.query<AccountRow>(`select ${COLUMNS} from registry.accounts where id = $1 for update`, [id]))[0]

export const lockAccountByEmail = async (tx: Transaction, emailKey: string) =>
  (
    await tx.query<AccountRow>(`select ${COLUMNS} from registry.accounts where email_key = $1 for update`, [
      emailKey,
    ])
  )[0]

/** Newest first (ids are in order of time), after the id when given. */
export const selectAccounts = (db: Queryable, after: string | null, email: string | null, limit: number) =>
  db.query<AccountRow>(
    `select ${COLUMNS} from registry.accounts
     where ($1::uuid is null or id < $1::uuid) and ($2::text is null or email_key = $2)
     order by id desc limit $3`,
    [after, email, limit],
  )

/** Sets what is given; null leaves a field as it is. */
export const updateAccount = async (
  tx: Transaction,
  id: string,
  set: {
    displayName?: string
    passwordHash?: string
    roles?: readonly string[]
    status?: string
  },
  time: Date | null,
) =>
  (
    await tx.query<AccountRow>(
      `update registry.accounts
       set display_name = coalesce($2, display_name), password_hash = coalesce($3, password_hash),
           roles = coalesce($4::text[], roles), status = coalesce($5, status),
           updated_at = coalesce($6::timestamptz, clock_timestamp())
       where id = $1 returning ${COLUMNS}`,
      [id, set.displayName ?? null, set.passwordHash ?? null, set.roles ?? null, set.status ?? null, time],
    )
  )[0]

/** Marks the address as proved. @returns false when it was before */
export async function markVerified(tx: Transaction, id: string, time: Date | null): Promise<boolean> {
  const rows = await tx.query(
    `update registry.accounts
     set email_verified_at = coalesce($2::timestamptz, clock_timestamp()),
         updated_at = coalesce($2::timestamptz, clock_timestamp())
     where id = $1 and email_verified_at is null returning id`,
    [id, time],
  )
  return rows.length === 1
}

/** Takes everything personal out of an account; its id stays, as the ledger names it. */
export const anonymiseAccount = (tx: Transaction, id: string, time: Date | null) =>
  tx.query(
    `update registry.accounts
     set email = 'deleted-' || id || '@deleted.invalid', email_key = 'deleted-' || id || '@deleted.invalid',
         display_name = 'deleted', password_hash = '', email_verified_at = null, roles = '{}',
         status = 'deleted', updated_at = coalesce($2::timestamptz, clock_timestamp())
     where id = $1`,
    [id, time],
  )

/** Agents of an account that are not retired. */
export async function hasAgents(tx: Transaction, account: string): Promise<boolean> {
  const rows = await tx.query(
    `select 1 from registry.agents where owner = $1 and status <> 'retired' limit 1`,
    [account],
  )
  return rows.length > 0
}

/** What a registration asked for, kept with its link. */
export interface Registered {
  passwordHash: string
  displayName: string
}

export const insertMailToken = (
  tx: Transaction,
  row: {
    hash: string
    purpose: 'verify' | 'reset'
    account: string
    registered: Registered | null
    seconds: number
    time: Date | null
  },
) =>
  tx.query(
    `insert into registry.mail_tokens (hash, purpose, account, password_hash, display_name, created_at, expires_at)
     values ($1, $2, $3, $6, $7, coalesce($5::timestamptz, clock_timestamp()),
       coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $4))`,
    [
      row.hash,
      row.purpose,
      row.account,
      row.seconds,
      row.time,
      row.registered?.passwordHash ?? null,
      row.registered?.displayName ?? null,
    ],
  )

/** Uses a mailed token up. @returns its account and registration; undefined when unknown, used or expired */
export const takeMailToken = async (
  tx: Transaction,
  hash: string,
  purpose: 'verify' | 'reset',
  time: Date | null,
) =>
  (
    await tx.query<{ account: string; password_hash: string | null; display_name: string | null }>(
      `delete from registry.mail_tokens
       where hash = $1 and purpose = $2 and expires_at > coalesce($3::timestamptz, clock_timestamp())
       returning account, password_hash, display_name`,
      [hash, purpose, time],
    )
  )[0]

/** Drops the tokens of an account; purpose null: of both purposes. */
export const dropMailTokens = (tx: Transaction, account: string, purpose: 'verify' | 'reset' | null) =>
  tx.query('delete from registry.mail_tokens where account = $1 and ($2::text is null or purpose = $2)', [
    account,
    purpose,
  ])

export const sweepMailTokens = (tx: Transaction, limit: number, time: Date | null) =>
  tx.query(
    `delete from registry.mail_tokens where hash in (
       select hash from registry.mail_tokens
       where expires_at < coalesce($2::timestamptz, clock_timestamp()) limit $1
       for update skip locked) returning hash`,
    [limit, time],
  )
