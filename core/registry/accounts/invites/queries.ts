/** Statements of the invites. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface InviteRow {
  id: string
  prefix: string
  email: string | null
  uses: number
  uses_max: number
  created_at: Date
  expires_at: Date | null
}
const COLUMNS = 'id, prefix, email, uses, uses_max, created_at, expires_at'

export async function insertInvite(
  tx: Transaction,
  row: {
    id: string
    codeHash: string
    prefix: string
    email: string | null
    emailKey: string | null
    usesMax: number
    createdBy: string | null
    expiresAt: string | null
    time: Date | null
  },
): Promise<InviteRow> {
  const [made] = await tx.query<InviteRow>(
    `insert into registry.invites
       (id, code_hash, prefix, email, email_key, uses_max, created_by, expires_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz, coalesce($9::timestamptz, clock_timestamp()))
     returning ${COLUMNS}`,
    [
      row.id,
      row.codeHash,
      row.prefix,
      row.email,
      row.emailKey,
      row.usesMax,
      row.createdBy,
      row.expiresAt,
      row.time,
    ],
  )
  if (!made) throw new Error('An invite was not inserted')
  return made
}

/** Finds an invite that this address may use now; rivals for its last use wait. */
export const lockInvite = async (tx: Transaction, codeHash: string, emailKey: string, time: Date | null) =>
  (
    await tx.query<{ id: string }>(
      `select id from registry.invites
       where code_hash = $1 and revoked_at is null and uses < uses_max
         and (email_key is null or email_key = $2)
         and (expires_at is null or expires_at > coalesce($3::timestamptz, clock_timestamp()))
       for update`,
      [codeHash, emailKey, time],
    )
  )[0]

export const countUse = (tx: Transaction, id: string) =>
  tx.query('update registry.invites set uses = uses + 1 where id = $1', [id])

/** Invites that are not revoked, newest first. */
export const listInvites = (db: Queryable, after: string | null, limit: number) =>
  db.query<InviteRow>(
    `select ${COLUMNS} from registry.invites
     where revoked_at is null and ($1::uuid is null or id < $1::uuid) order by id desc limit $2`,
    [after, limit],
  )

/** @returns false when there is none that is not revoked */
export async function revokeInvite(tx: Transaction, id: string, time: Date | null): Promise<boolean> {
  const rows = await tx.query(
    `update registry.invites set revoked_at = coalesce($2::timestamptz, clock_timestamp())
     where id = $1 and revoked_at is null returning id`,
    [id, time],
  )
  return rows.length === 1
}

/** Takes an address out of the invites that were bound to it; they can't be used any more. */
export const anonymiseInvites = (tx: Transaction, emailKey: string, time: Date | null) =>
  tx.query(
    `update registry.invites
     set email = null, email_key = 'deleted', revoked_at = coalesce(revoked_at, $2::timestamptz, clock_timestamp())
     where email_key = $1`,
    [emailKey, time],
  )
