/** Statements of the numbered outbox. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { TransferRow } from '../ledger/queries.ts'

/** Batches numbered in one go. */
const BATCHES_MAX = 10_000

/** Gives committed batches their numbers. */
export async function numberOutbox(db: Queryable): Promise<void> {
  await db.query('select teg.number_outbox($1::integer)', [BATCHES_MAX])
}

/** An event's number, the ledger number of its fact, and what of it: 0 the movement, 1 a token's issue, 2 a token's end. */
export interface EventKey {
  number: bigint
  seq: bigint
  what: number
}

/** Events of a batch `b` by ledger number; a redemption is two: the movement, then the token's end. */
const EVENTS = `select e.seq, e.what, b.number_first - 1 + row_number() over (order by e.seq, e.what) as number
       from (select m.seq, 0 as what from teg.moves m
           where m.seq >= b.base and m.seq < b.base + 5000 and m.code is null
         union all select k.seq, 1 from teg.tokens k where k.seq >= b.base and k.seq < b.base + 5000
         union all select s.seq, 2 from teg.token_steps s where s.seq >= b.base and s.seq < b.base + 5000) e`

/** Events after a number, in order. */
export function readEventKeys(db: Queryable, after: bigint, limit: number): Promise<EventKey[]> {
  return db.query<EventKey>(
    `select n.number, n.seq, n.what
     from (select b.number_last, b.number_first, b.base from teg.outbox_numbered b
       where b.number_last > $1::bigint and b.number_first <= $1::bigint + $2::integer
       order by b.number_last limit $2::integer) b
     cross join lateral (${EVENTS}) n
     where n.number > $1::bigint order by n.number limit $2::integer`,
    [after, limit],
  )
}

export type EventRow = TransferRow & { number: bigint }

/** Movements among the events after a number, in order. */
export function readMovements(db: Queryable, after: bigint, limit: number): Promise<EventRow[]> {
  return db.query<EventRow>(
    `select n.number, t.seq, t.id, t.kind, t.scope, t.key, t.from_agent, t.from_did, t.to_agent, t.to_did,
       t.amount, t.fee, t.fee_ppm, t.memo, t.reference, t.refund_of, t.from_seq, t.from_balance, t.from_held, t.to_seq,
       t.to_balance, t.code, t.detail, t.created_at
     from teg.outbox_numbered b cross join lateral (${EVENTS}) n
     join teg.transfers t on t.seq = n.seq
     where b.number_last > $1::bigint and n.what = 0 and n.number > $1::bigint
     order by b.number_last, n.number limit $2::integer`,
    [after, limit],
  )
}

/** The ledger's name, and behind a dot the restore that it has seen last. */
export async function readIncarnation(db: Queryable): Promise<string> {
  const rows = await db.query<{ incarnation: string }>(
    `select concat_ws('.', m.incarnation, m.restored_label) as incarnation from teg.meta m`,
  )
  return (rows[0] as { incarnation: string }).incarnation
}

/** Notes the database that the rows stand in; another one than before is a restore. */
export const keepIdentity = (db: Queryable, identity: string, random: string) =>
  db.query(
    `update teg.meta m set identity = $1,
       restores = m.restores + (m.identity is not null)::integer,
       restored_label = case when m.identity is null then m.restored_label else m.restores + 1 || '-' || $2::text end
     where m.identity is distinct from $1`,
    [identity, random],
  )
