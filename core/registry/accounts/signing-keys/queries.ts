/** Statements of the signing keys. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { PublicJwk } from './schema.ts'

export interface SigningKeyRow {
  id: string
  kid: string
  name: string | null
  jwk: PublicJwk
  created_at: Date
}
const COLUMNS = 'id, kid, name, jwk, created_at'

/** Enrols a key. @returns undefined when the account has a living one of that kid */
export const insertSigningKey = async (
  tx: Transaction,
  row: { id: string; account: string; kid: string; name: string | null; jwk: PublicJwk; time: Date | null },
) =>
  (
    await tx.query<SigningKeyRow>(
      `insert into registry.signing_keys (id, account, kid, name, jwk, created_at)
       values ($1, $2, $3, $4, $5::json, coalesce($6::timestamptz, clock_timestamp()))
       on conflict (account, kid) where revoked_at is null do nothing
       returning ${COLUMNS}`,
      [row.id, row.account, row.kid, row.name, JSON.stringify(row.jwk), row.time],
    )
  )[0]

export async function countSigningKeys(tx: Transaction, account: string): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::integer as count from registry.signing_keys where account = $1 and revoked_at is null`,
    [account],
  )
  return row?.count ?? 0
}

/** Living keys, newest first. */
export const listSigningKeys = (db: Queryable, account: string, after: string | null, limit: number) =>
  db.query<SigningKeyRow>(
    `select ${COLUMNS} from registry.signing_keys
     where account = $1 and revoked_at is null and ($2::uuid is null or id < $2::uuid)
     order by id desc limit $3`,
    [account, after, limit],
  )

/** @returns false when the account has no such living key */
export async function revokeSigningKey(
  tx: Transaction,
  account: string,
  id: string,
  time: Date | null,
): Promise<boolean> {
  const rows = await tx.query(
    `update registry.signing_keys set revoked_at = coalesce($3::timestamptz, clock_timestamp())
     where account = $1 and id = $2 and revoked_at is null returning id`,
    [account, id, time],
  )
  return rows.length === 1
}

export const revokeAllSigningKeys = (tx: Transaction, account: string, time: Date | null) =>
  tx.query(
    `update registry.signing_keys set revoked_at = coalesce($2::timestamptz, clock_timestamp())
     where account = $1 and revoked_at is null`,
    [account, time],
  )
