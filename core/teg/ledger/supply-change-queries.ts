/** Statements that look for what was minted or burned by its key. */
import type { Queryable } from '#core/platform/database/database.ts'

export interface SupplyChangeRow {
  id: string
  agent: string | null
  amount: bigint
  created_at: Date
}

/** By the digest of scope and key; undefined: nothing was issued or destroyed under it, or by another request. */
export async function readSupplyChange(
  db: Queryable,
  idem: string,
  hash: bigint,
): Promise<SupplyChangeRow | undefined> {
  const rows = await db.query<SupplyChangeRow>(
    `select coalesce(m.id, teg.id_of(m.seq, m.created_at)) as id, a.id as agent, m.amount, m.created_at
     from teg.moves m left join teg.accounts a on a.no = coalesce(m.to_no, m.from_no)
     where m.idem = $1::uuid and m.request_hash = $2::bigint and m.kind in ('mint', 'burn') and m.code is null`,
    [idem, hash],
  )
  return rows[0]
}
