/** Statements of the server keys. */
import type { JWK } from 'jose'
import type { Transaction } from '#core/platform/database/database.ts'

export interface ServerKeyRow {
  kid: string
  purpose: string
  private_key: string
  public_key: JWK
}

/** One process makes missing keys at a time. */
export const lockServerKeys = (tx: Transaction) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('registry.server_keys'))`)

export const listServerKeys = (tx: Transaction) =>
  tx.query<ServerKeyRow>(
    `select kid, purpose, private_key, public_key from registry.server_keys
     where retired_at is null order by created_at desc, kid`,
  )

export const insertServerKey = (
  tx: Transaction,
  row: { kid: string; purpose: string; privateKey: string; publicKey: JWK; time: Date | null },
) =>
  tx.query(
    `insert into registry.server_keys (kid, purpose, algorithm, private_key, public_key, created_at)
     values ($1, $2, 'EdDSA', $3, $4::json, coalesce($5::timestamptz, clock_timestamp()))`,
    [row.kid, row.purpose, row.privateKey, JSON.stringify(row.publicKey), row.time],
  )
