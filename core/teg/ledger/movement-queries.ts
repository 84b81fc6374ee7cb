/** Statements that read movements in the order of the ledger. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { TransferRow } from './queries.ts'
import { idOf } from './rules.ts'

/** Movements of a batch, by its first ledger number: how many of them come before, and how many are wanted. */
export interface MovementSpan {
  base: bigint
  skip: number
  count: number
}

/** What is told of a movement, and the place of its span (from 1). */
export type MovementRow = { place: number } & Pick<
  TransferRow,
  | 'seq'
  | 'id'
  | 'kind'
  | 'key'
  | 'from_agent'
  | 'from_did'
  | 'to_agent'
  | 'to_did'
  | 'amount'
  | 'fee'
  | 'fee_ppm'
  | 'memo'
  | 'reference'
  | 'refund_of'
  | 'created_at'
>

/** In order. Names are looked up one by one: a join would read all accounts where the tables are young. */
export async function readSpans(db: Queryable, spans: readonly MovementSpan[]): Promise<MovementRow[]> {
  const rows = await db.query<MovementRow>(
    `select u.place::integer as place, m.seq, m.id, m.kind::text as kind, m.key, p.id as from_agent, p.did as from_did,
       q.id as to_agent, q.did as to_did, m.amount, m.fee, m.fee_ppm, m.memo, m.reference, m.refund_of, m.created_at
     from unnest($1::bigint[], $2::integer[], $3::integer[]) with ordinality as u(base, skip, count, place)
     cross join lateral (select w.* from teg.moves w where w.seq >= u.base and w.seq < u.base + 5000 and w.code is null
       order by w.seq offset u.skip limit u.count) m
     left join lateral (select a.id, a.did from teg.accounts a where a.no = m.from_no limit 1) p on true
     left join lateral (select a.id, a.did from teg.accounts a where a.no = m.to_no limit 1) q on true
     order by u.place, m.seq`,
    [spans.map(({ base }) => base), spans.map(({ skip }) => skip), spans.map(({ count }) => count)],
  )
  for (const row of rows) row.id ??= idOf(row.seq, row.created_at)
  return rows
}
