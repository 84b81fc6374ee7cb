/** Statements of payment tokens: their terms and how they ended. Only the gate writes. */
import type { Queryable } from '#core/platform/database/database.ts'

/** A token with both dids; `ended` is null while it is active or has only run out. */
export interface TokenRow {
  seq: bigint
  id: string
  payer: string
  payer_did: string
  payee: string
  payee_did: string
  amount: bigint
  created_at: Date
  expires_at: Date
  task_ref: string | null
  /** Its time is over at the moment of the reading. */
  due: boolean
  /** 2 redeemed, 3 cancelled, 4 expired. */
  ended: number | null
  redeemed: bigint | null
  transfer: string | null
  /** What the payer had available after a cancellation or an expiry that it was answered. */
  available: bigint | null
}

const TOKEN = `k.seq, k.id, k.payer, p.did as payer_did, k.payee, q.did as payee_did, k.amount, k.created_at, k.expires_at,
  k.task_ref, s.status as ended, s.amount as redeemed, s.transfer, s.available`
const AROUND = `left join teg.token_steps s on s.token = k.id
  join teg.accounts p on p.id = k.payer join teg.accounts q on q.id = k.payee`

/** Tokens by id, in no order. Whether one is due is not asked: `due` is false. */
export function readTokens(db: Queryable, ids: readonly string[]): Promise<TokenRow[]> {
  return db.query<TokenRow>(
    `select ${TOKEN}, false as due from teg.tokens k ${AROUND} where k.id = any ($1::uuid[])`,
    [ids],
  )
}

/** A token by id, as it is at a moment. */
export async function readTokenRow(
  db: Queryable,
  id: string,
  time: Date | null,
): Promise<TokenRow | undefined> {
  const rows = await db.query<TokenRow>(
    `select ${TOKEN}, k.expires_at <= coalesce($2::timestamptz, clock_timestamp()) as due
     from teg.tokens k ${AROUND} where k.id = $1::uuid`,
    [id, time],
  )
  return rows[0]
}

/** The same, and what the gate would say at that moment to its payee who redeems it in whole: {code, detail}; null: nothing. */
export async function readRedemptionRow(
  db: Queryable,
  id: string,
  time: Date | null,
): Promise<(TokenRow & { verdict: [code: string, detail: string] | null }) | undefined> {
  const rows = await db.query<TokenRow & { verdict: [string, string] | null }>(
    `select ${TOKEN}, k.expires_at <= n.at as due,
       coalesce(teg.judge_redeeming(k, coalesce(s.status, 1::smallint), k.payee, k.amount, n.at, p.status, q.status),
         case when q.balance > 9223372036854775807 - k.amount - q.staked - q.unbonding then teg.payee_is_full() end) as verdict
     from (select coalesce($2::timestamptz, clock_timestamp()) as at) n cross join teg.tokens k ${AROUND}
     where k.id = $1::uuid`,
    [id, time],
  )
  return rows[0]
}

/** Tokens of agents (null: all) before a ledger number, newest first. `status`: 1 active, 2 to 4 as `ended`; null: any. */
export function searchTokenRows(
  db: Queryable,
  asked: {
    agents: readonly string[] | null
    status: number | null
    before: bigint | null
    time: Date | null
  },
  limit: number,
): Promise<TokenRow[]> {
  return db.query<TokenRow>(
    `with moment as materialized (select coalesce($5::timestamptz, clock_timestamp()) as at),
       found as materialized (
         select f.seq from moment m cross join lateral teg.search_tokens($1::uuid[], $2::smallint, $3::bigint, $4::integer, m.at)
           as f(seq))
     select ${TOKEN}, k.expires_at <= m.at as due
     from found f join teg.tokens k on k.seq = f.seq ${AROUND} cross join moment m order by k.seq desc`,
    [asked.agents, asked.status, asked.before, limit, asked.time],
  )
}

/** Tokens that have not ended although their time is over, oldest first. */
export function readDueTokens(
  db: Queryable,
  limit: number,
  time: Date | null,
): Promise<{ token_id: string; payer_agent: string }[]> {
  return db.query(
    `select o.token as token_id, o.payer as payer_agent from teg.open_tokens o
     where o.expires_at <= coalesce($2::timestamptz, clock_timestamp()) order by o.expires_at, o.token limit $1::integer`,
    [limit, time],
  )
}

/** The same of one payer, by its own time where that is ahead: the gate goes by it. */
export function readDueTokensOf(
  db: Queryable,
  payer: string,
  limit: number,
  time: Date | null,
): Promise<{ token_id: string; payer_agent: string }[]> {
  return db.query(
    `select o.token as token_id, o.payer as payer_agent from teg.open_tokens o
     where o.payer = $1::uuid and o.expires_at <= greatest(coalesce($3::timestamptz, clock_timestamp()),
       (select a.last_at from teg.accounts a where a.id = $1::uuid))
     order by o.expires_at, o.token limit $2::integer`,
    [payer, limit, time],
  )
}

/** Tokens by the ledger numbers of their issues and ends; `event_seq` is that number. */
export function readTokenEvents(
  db: Queryable,
  seqs: readonly bigint[],
): Promise<(TokenRow & { event_seq: bigint; ended_at: Date | null })[]> {
  return db.query(
    `select ${TOKEN}, false as due, e.seq as event_seq, s.created_at as ended_at
     from (select u.seq, coalesce(i.id, d.token) as token from unnest($1::bigint[]) as u(seq)
       left join teg.tokens i on i.seq = u.seq left join teg.token_steps d on d.seq = u.seq) e
     join teg.tokens k on k.id = e.token ${AROUND}`,
    [seqs],
  )
}
