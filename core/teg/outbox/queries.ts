/** Statements of the numbered outbox. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { TransferRow } from '../ledger/queries.ts'
import type { MovementSpan } from '../ledger/read-movements.ts'

/** Batches numbered in one go. */
const BATCHES_MAX = 10_000

/** Gives committed batches their numbers. */
export async function numberOutbox(db: Queryable): Promise<void> {
  await db.query('select teg.number_outbox($1::integer)', [BATCHES_MAX])
}

/** The part of a batch's events that lies in a page. */
export interface Piece extends MovementSpan {
  /** Number of its first event in the page. */
  number: bigint
  /** Some of the batch's events are of payment tokens; else all are movements. */
  mixed: boolean
}

/** A batch's 5000 ledger numbers have three events each at most: it reaches no further than that behind a page. */
const EVENTS_MAX = 15_000

/** The pieces of the page behind a number, in order. */
export function readPieces(db: Queryable, after: bigint, limit: number): Promise<Piece[]> {
  return db.query<Piece>(
    `select b.base, greatest(b.number_first, $1::bigint + 1) as number,
       greatest($1 + 1 - b.number_first, 0)::integer as skip,
       (least(b.number_last, $1 + $2::integer) - greatest(b.number_first, $1 + 1) + 1)::integer as count,
       exists (select from teg.tokens k where k.seq >= b.base and k.seq < b.base + 5000)
         or exists (select from teg.token_steps s where s.seq >= b.base and s.seq < b.base + 5000) as mixed
     from teg.outbox_numbered b
     where b.number_last > $1 and b.number_last <= $1 + $2 + ${EVENTS_MAX} and b.number_first <= $1 + $2
     order by b.number_last`,
    [after, limit],
  )
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

/** The events of a piece, in order. */
export function readMixedPiece(db: Queryable, { number, skip, base, count }: Piece): Promise<EventKey[]> {
  return db.query<EventKey>(
    `select n.number, n.seq, n.what
     from (select $1::bigint as number_first, $2::bigint as base) b cross join lateral (${EVENTS}) n
     where n.number > $3::bigint order by n.number limit $4::integer`,
    [number - BigInt(skip), base, number - 1n, count],
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
