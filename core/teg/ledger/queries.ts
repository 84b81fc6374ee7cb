/** Statements of the ledger. Only apply_commands writes. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { GateArrays } from './encode-commands.ts'
import { idOf } from './rules.ts'

/** One outcome as the gate gives it. */
export interface GateRow {
  o_state: number
  o_code: string | null
  o_detail: string | null
  o_prior: bigint | null
  o_from: string | null
  o_from_did: string | null
  o_to: string | null
  o_to_did: string | null
  o_amount: bigint | null
  o_fee: bigint | null
  o_ppm: number | null
  o_available: bigint | null
  o_refund_of: string | null
  o_at: Date
}

/** Whether this ledger keeps keys that begin with a time by it (digest-key.ts); settled at its birth. */
export async function readKeysByTime(db: Queryable): Promise<boolean> {
  const rows = await db.query<{ keys_by_time: boolean }>('select m.keys_by_time from teg.meta m')
  return (rows[0] as { keys_by_time: boolean }).keys_by_time
}

/** Runs a batch through the gate: one statement, committed when it returns. */
export function applyCommands(
  db: Queryable,
  time: Date | null,
  byTime: boolean,
  minting: boolean,
  batch: GateArrays,
): Promise<GateRow[]> {
  return db.query<GateRow>(
    `select * from teg.apply_commands($1::timestamptz, $19::boolean, $2::boolean, $3::uuid[], $4::text[], $5::uuid[], $6::text[],
       $7::smallint[], $8::uuid[], $9::bigint[], $10::text[], $11::integer[], $12::boolean[], $13::integer[], $14::integer[],
       $15::bigint[], $16::text[], $17::text[], $18::text[])`,
    [
      time,
      minting,
      batch.accounts,
      batch.dids,
      batch.keys,
      batch.tasks,
      batch.op,
      batch.idem,
      batch.hash,
      batch.key,
      batch.twin,
      batch.linked,
      batch.from,
      batch.to,
      batch.amount,
      batch.memo,
      batch.reference,
      batch.extra,
      byTime,
    ],
  )
}

/** A row of teg.transfers; `code` is set for a refusal. */
export interface TransferRow {
  seq: bigint
  id: string
  kind: string
  scope: string | null
  /** Of a grant: the developer. */
  key: string | null
  from_agent: string | null
  from_did: string | null
  to_agent: string | null
  to_did: string | null
  amount: bigint
  fee: bigint
  fee_ppm: number
  memo: string | null
  reference: string | null
  refund_of: string | null
  from_seq: bigint | null
  from_balance: bigint | null
  from_held: bigint | null
  to_seq: bigint | null
  to_balance: bigint | null
  code: string | null
  detail: string | null
  created_at: Date
  /** What the acting account had available after it, where no leg of its own tells; null in rows of transfers. */
  available: bigint | null
}

const TRANSFER = `t.seq, t.stored_id as id, t.kind, t.scope, t.key, t.from_agent, t.from_did, t.to_agent, t.to_did,
  t.amount, t.fee, t.fee_ppm, t.memo, t.reference, t.refund_of, t.from_seq, t.from_balance, t.from_held, t.to_seq,
  t.to_balance, t.code, t.detail, t.created_at, t.available`

/** Gives rows the ids that are not stored: made here, they cost a tenth of what the database would take for them. */
async function named(found: Promise<TransferRow[]>): Promise<TransferRow[]> {
  const rows = await found
  for (const row of rows) row.id ??= idOf(row.seq, row.created_at)
  return rows
}

/** Outcomes by ledger number: what a known key is answered with. One by one: a join would read the whole young table. */
export function readOutcomes(db: Queryable, seqs: readonly bigint[]): Promise<TransferRow[]> {
  return named(
    db.query<TransferRow>(
      `select ${TRANSFER} from unnest($1::bigint[]) as u(seq)
       cross join lateral (select m.* from teg.transfers m where m.seq = u.seq limit 1) t`,
      [seqs],
    ),
  )
}

/** A transfer between agents by id; grants and refusals are none. */
export async function readTransferRow(db: Queryable, id: string): Promise<TransferRow | undefined> {
  const rows = await named(
    db.query<TransferRow>(
      `select ${TRANSFER} from teg.transfers t where t.seq = (select teg.find_move($1::uuid))
         and t.code is null and t.from_agent is not null and t.kind <> 'burn'`,
      [id],
    ),
  )
  return rows[0]
}

/** Transfers before a ledger number, newest first. */
export function readTransfers(db: Queryable, before: bigint | null, limit: number): Promise<TransferRow[]> {
  return named(
    db.query<TransferRow>(
      `with newest as materialized (
         select m.seq from teg.moves m
         where m.code is null and m.from_no is not null and m.kind <> 'burn' and ($1::bigint is null or m.seq < $1)
         order by m.seq desc limit $2::integer)
       select ${TRANSFER} from newest n join teg.transfers t on t.seq = n.seq order by t.seq desc`,
      [before, limit],
    ),
  )
}

/** The same of some agents: the newest legs of each chain, merged. */
export function readTransfersOf(
  db: Queryable,
  agents: readonly string[],
  directions: readonly ('in' | 'out')[],
  before: bigint | null,
  limit: number,
): Promise<TransferRow[]> {
  return named(
    db.query<TransferRow>(
      `with chains as materialized (
         select a.no, d.way = 'out' as is_out, case when d.way = 'out' then a.last_out else a.last_in end as last
         from (select distinct unnest($1::uuid[]) as id) w
         join teg.accounts a on a.id = w.id cross join unnest($2::text[]) as d(way)
       ), heads as materialized (
         select c.no, c.is_out, l.seq from chains c
         cross join lateral teg.walk_legs(c.no, c.is_out,
           case when $3::bigint is null then c.last else teg.find_leg(c.no, c.is_out, $3, null) end, null, false, 1, 0) l
       ), floor as (  -- so many transfers begin here that none below it is asked for
         select coalesce((select h.seq from heads h group by h.seq order by h.seq desc offset $4::integer - 1 limit 1), 0) as seq
       ), newest as materialized (
         select distinct l.seq from floor f join heads h on h.seq >= f.seq
         cross join lateral teg.walk_legs(h.no, h.is_out, h.seq, null, false, $4, f.seq) l
         order by l.seq desc limit $4)
       select ${TRANSFER} from newest f join teg.transfers t on t.seq = f.seq order by t.seq desc`,
      [agents, directions, before, limit],
    ),
  )
}

export interface AccountRow {
  balance: bigint
  held: bigint
  staked: bigint
  unbonding: bigint
}

/** The balances of an account; a hold whose time is over counts no more, voided or not. */
export async function readAccount(
  db: Queryable,
  agent: string,
  time: Date | null,
): Promise<AccountRow | undefined> {
  const rows = await db.query<AccountRow>(
    `select a.balance, a.staked, a.unbonding, (a.held - case when a.held = 0 then 0 else coalesce(
         (select sum(o.amount) from teg.open_tokens o
          where o.payer = a.id and o.expires_at <= coalesce($2::timestamptz, clock_timestamp())), 0) end)::bigint as held
     from teg.accounts a where a.id = $1::uuid`,
    [agent, time],
  )
  return rows[0]
}

/**
 * The balances of an account at a moment, from its history; zeros before its first leg. No token lives longer than a day.
 * Times are kept in microseconds and shown in milliseconds: a moment is all of its millisecond.
 */
export async function readAccountAt(db: Queryable, agent: string, at: Date): Promise<AccountRow | undefined> {
  const rows = await db.query<AccountRow>(
    `select case when l.paid > l.received then (select m.from_balance from teg.moves m where m.seq = l.paid)
         else coalesce((select m.to_balance from teg.moves m where m.seq = l.received), 0) end as balance,
       coalesce((select sum(k.amount) from teg.tokens k left join teg.token_steps s on s.token = k.id
         where k.payer = a.id and k.expires_at > w.at and k.expires_at <= w.at + interval '1 day' and k.created_at <= w.at
           and (s.created_at is null or s.created_at > w.at)), 0)::bigint as held,
       0::bigint as staked, 0::bigint as unbonding
     from teg.accounts a cross join (select $2::timestamptz + interval '999 microseconds' as at) w cross join lateral (
       select teg.find_leg(a.no, true, null, w.at) as paid, teg.find_leg(a.no, false, null, w.at) as received offset 0) l
     where a.id = $1::uuid`,
    [agent, at],
  )
  return rows[0]
}

export interface LegRow {
  account_seq: bigint
  seq: bigint
  transfer_id: string
  kind: string
  outward: boolean
  amount: bigint
  fee: bigint
  counterparty_did: string | null
  balance_after: bigint
  created_at: Date
}

/** Legs of an account from `from` to `to` (both included, with all of their milliseconds), before a ledger number, newest first. */
export async function readLegs(
  db: Queryable,
  agent: string,
  range: { from: Date | null; to: Date | null; before: bigint | null },
  limit: number,
): Promise<LegRow[]> {
  const rows = await db.query<LegRow>(
    `with account as materialized (
       select a.no, teg.find_leg(a.no, true, $4::bigint, w.until) as paid, teg.find_leg(a.no, false, $4, w.until) as received
       from teg.accounts a, (select $3::timestamptz + interval '999 microseconds' as until) w where a.id = $1::uuid
     ), legs as (
       select o.from_seq as account_seq, o.seq, o.id, o.kind, true as outward, o.amount, o.fee, o.to_no as other,
         o.from_balance as balance_after, o.created_at
       from account a cross join lateral teg.walk_legs(a.no, true, a.paid, $2::timestamptz, true, $5::integer, 0) o
       union all
       select i.to_seq, i.seq, i.id, i.kind, false, i.amount - i.fee, 0, i.from_no, i.to_balance, i.created_at
       from account a cross join lateral teg.walk_legs(a.no, false, a.received, $2, true, $5, 0) i
     ), newest as materialized (select * from legs l order by l.seq desc limit $5)
     select l.account_seq, l.seq, l.id as transfer_id, l.kind::text as kind, l.outward, l.amount, l.fee,
       (select acc.did from teg.accounts acc where acc.no = l.other) as counterparty_did, l.balance_after, l.created_at
     from newest l order by l.seq desc`,
    [agent, range.from, range.to, range.before, limit],
  )
  for (const row of rows) row.transfer_id ??= idOf(row.seq, row.created_at)
  return rows
}
