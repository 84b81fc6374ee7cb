/** Statements of the keys. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { LimitsOut } from './schema.ts'

export type KeyKind = 'developer' | 'agent' | 'operator'

export interface CredentialRow {
  id: string
  kind: KeyKind
  account: string
  agent: string | null
  name: string
  scopes: string[]
  roles: string[]
  limits: LimitsOut | null
  prefix: string
  created_at: Date
  expires_at: Date | null
  last_used_at: Date | null
}

const COLUMNS =
  'id, kind, account, agent, name, scopes, roles, limits, prefix, created_at, expires_at, last_used_at'
const LIVE = `revoked_at is null and (expires_at is null or expires_at > coalesce($1::timestamptz, clock_timestamp()))`

export interface NewCredential {
  id: string
  kind: KeyKind
  preset?: boolean
  account: string | null
  agent: string | null
  name: string
  scopes: readonly string[]
  roles: readonly string[]
  limits: LimitsOut | null
  hash: string
  prefix: string
  expiresAt: string | null
  time: Date | null
}

export async function insertCredential(tx: Transaction, row: NewCredential): Promise<CredentialRow> {
  const [made] = await tx.query<CredentialRow>(
    `insert into registry.credentials
       (id, kind, preset, account, agent, name, scopes, roles, limits, hash, prefix, expires_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $7::text[], $8::text[], $9::json, $10, $11, $12::timestamptz,
       coalesce($13::timestamptz, clock_timestamp()))
     returning ${COLUMNS}`,
    [
      row.id,
      row.kind,
      row.preset ?? false,
      row.account,
      row.agent,
      row.name,
      row.scopes,
      row.roles,
      row.limits === null ? null : JSON.stringify(row.limits),
      row.hash,
      row.prefix,
      row.expiresAt,
      row.time,
    ],
  )
  if (!made) throw new Error('A key was not inserted')
  return made
}

/** Whose keys: those of an agent, or (agent null) the account's own. */
export interface KeyOwner {
  readonly account: string
  readonly agent: string | null
}

/** Living keys, newest first. */
export const listCredentials = (
  db: Queryable,
  of: KeyOwner,
  after: string | null,
  limit: number,
  time: Date | null,
) =>
  db.query<CredentialRow>(
    `select ${COLUMNS} from registry.credentials
     where ${LIVE} and account = $2 and agent is not distinct from $3::uuid
       and ($4::uuid is null or id < $4::uuid)
     order by id desc limit $5`,
    [time, of.account, of.agent, after, limit],
  )

export async function countCredentials(tx: Transaction, of: KeyOwner, time: Date | null): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::integer as count from registry.credentials
     where ${LIVE} and account = $2 and agent is not distinct from $3::uuid`,
    [time, of.account, of.agent],
  )
  return row?.count ?? 0
}

/** Revokes a living key. @returns false when there is none of that owner */
export async function revokeCredential(
  tx: Transaction,
  id: string,
  of: KeyOwner,
  time: Date | null,
): Promise<boolean> {
  const rows = await tx.query(
    `update registry.credentials set revoked_at = coalesce($1::timestamptz, clock_timestamp())
     where ${LIVE} and id = $2 and account = $3 and agent is not distinct from $4::uuid returning id`,
    [time, id, of.account, of.agent],
  )
  return rows.length === 1
}

/** Revokes every key of an account. */
export const revokeAllCredentials = (tx: Transaction, account: string, time: Date | null) =>
  tx.query(
    `update registry.credentials set revoked_at = coalesce($2::timestamptz, clock_timestamp())
     where account = $1 and revoked_at is null`,
    [account, time],
  )

/** One process changes the preset operator key at a time. */
export const lockPreset = (tx: Transaction) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('registry.credentials.preset'))`)

export const findPreset = async (tx: Transaction) =>
  (
    await tx.query<{ id: string; hash: string }>(
      'select id, hash from registry.credentials where preset and revoked_at is null',
    )
  )[0]

/** Forgets the preset key: a later one may be the same text again. */
export const deletePreset = (tx: Transaction) => tx.query('delete from registry.credentials where preset')

/** What decides about a call with a key. */
export interface KeyCallerRow {
  id: string
  hash: string
  kind: KeyKind
  preset: boolean
  account: string | null
  agent: string | null
  scopes: string[]
  roles: string[]
  limits: LimitsOut | null
  stale: boolean
  email: string | null
  verified: boolean
  account_roles: string[] | null
  did: string | null
}

const CALLER = `
  select c.id, c.hash, c.kind, c.preset, c.account, c.agent, c.scopes, c.roles, c.limits,
    coalesce(c.last_used_at < n.now - make_interval(secs => $3), true) as stale,
    a.email, a.email_verified_at is not null as verified, a.roles as account_roles, g.did
  from registry.credentials c
  cross join (select coalesce($2::timestamptz, clock_timestamp()) as now) n
  left join registry.accounts a on a.id = c.account
  left join registry.agents g on g.id = c.agent
  where c.revoked_at is null and (c.expires_at is null or c.expires_at > n.now)
    and (c.account is null or a.status = 'active') and (c.agent is null or g.status <> 'retired')`

/** The living keys of hashes: the one statement of every call with a key. */
export const findKeyCallers = (
  db: Queryable,
  hashes: readonly string[],
  time: Date | null,
  staleSeconds: number,
) => db.query<KeyCallerRow>(`${CALLER} and c.hash = any($1::text[])`, [hashes, time, staleSeconds])

/** The living agent keys behind OAuth tokens. */
export const findAgentKeyCallers = (
  db: Queryable,
  ids: readonly string[],
  time: Date | null,
  staleSeconds: number,
) =>
  db.query<KeyCallerRow>(`${CALLER} and c.id = any($1::uuid[]) and c.kind = 'agent'`, [
    ids,
    time,
    staleSeconds,
  ])

/** Notes the use of a key, unless somebody has just done so. */
export const touchCredential = (db: Queryable, id: string, time: Date | null, staleSeconds: number) =>
  db.query(
    `update registry.credentials set last_used_at = coalesce($2::timestamptz, clock_timestamp())
     where id = $1 and coalesce(
       last_used_at < coalesce($2::timestamptz, clock_timestamp()) - make_interval(secs => $3), true)`,
    [id, time, staleSeconds],
  )

/** An agent by id or did, for the check of ownership. */
export const findAgentOwner = async (db: Queryable, ref: string) =>
  (
    await db.query<{ id: string; owner: string; status: string }>(
      `select id, owner, status from registry.agents where ${ref.startsWith('did:') ? 'did' : 'id'} = $1`,
      [ref],
    )
  )[0]

/** Locks what the bound on keys is counted under. */
export const lockOwner = (tx: Transaction, account: string) =>
  tx.query('select id from registry.accounts where id = $1 for update', [account])
