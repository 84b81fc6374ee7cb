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

type StoredRow = Omit<MovementRow, 'from_agent' | 'from_did' | 'to_agent' | 'to_did'> & {
  from_no: number | null
  to_no: number | null
}

/** In order. Names are looked up for the whole page: one by one they would cost most of it. */
export async function readSpans(db: Queryable, spans: readonly MovementSpan[]): Promise<MovementRow[]> {
  const rows = await db.query<StoredRow>(
    `select u.place::integer as place, m.seq, m.id, m.kind::text as kind, m.key, m.from_no, m.to_no, m.amount, m.fee,
       m.fee_ppm, m.memo, m.reference, m.refund_of, m.created_at
     from unnest($1::bigint[], $2::integer[], $3::integer[]) with ordinality as u(base, skip, count, place)
     cross join lateral (select w.* from teg.moves w where w.seq >= u.base and w.seq < u.base + 5000 and w.code is null
       order by w.seq offset u.skip limit u.count) m
     order by u.place, m.seq`,
    [spans.map(({ base }) => base), spans.map(({ skip }) => skip), spans.map(({ count }) => count)],
  )
  const numbers = new Set<number>()
  for (const { from_no, to_no } of rows) {
    if (from_no !== null) numbers.add(from_no)
    if (to_no !== null) numbers.add(to_no)
  }
  const names = numbers.size > 0 ? await readNames(db, [...numbers]) : new Map<number, AccountName>()
  return rows.map(({ from_no, to_no, ...row }) => {
    const from = from_no === null ? undefined : names.get(from_no)
    const to = to_no === null ? undefined : names.get(to_no)
    return {
      ...row,
      id: row.id ?? idOf(row.seq, row.created_at),
      from_agent: from?.id ?? null,
      from_did: from?.did ?? null,
      to_agent: to?.id ?? null,
      to_did: to?.did ?? null,
    }
  })
}

interface AccountName {
  no: number
  id: string
  did: string
}

async function readNames(db: Queryable, numbers: readonly number[]): Promise<Map<number, AccountName>> {
  const rows = await db.query<AccountName>(
    'select a.no, a.id, a.did from teg.accounts a where a.no = any ($1::integer[])',
    [numbers],
  )
  return new Map(rows.map((row) => [row.no, row]))
}
