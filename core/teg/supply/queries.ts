/** Statements over the whole supply: each is one statement, hence one snapshot, and takes no lock.
 * A system account is its folded row and the deltas that are not yet folded; the gate folds them, so that they stay few. */
import type { Queryable } from '#core/platform/database/database.ts'

/** Whether this TEG has minting authority: what its database holds against issuance beside grants. Its owner gives it. */
export async function setMinting(db: Queryable, minting: boolean): Promise<void> {
  await db.query('update teg.meta set minting = $1::boolean where minting <> $1::boolean', [minting])
}

export interface MintingRow {
  minting: boolean
  /** Whether it has ever minted or burned. */
  ever_minted: boolean
  /** Whether the role of this connection may change it. */
  may: boolean
  role: string
}

export async function readMinting(db: Queryable): Promise<MintingRow> {
  const rows = await db.query<MintingRow>(
    `select m.minting, m.ever_minted, has_column_privilege('teg.meta', 'minting', 'update') as may, current_user::text as role
     from teg.meta m`,
  )
  return rows[0] as MintingRow
}

/** Sums come as text: they may pass int8. */
export interface SupplyRow {
  issued: string
  destroyed: string
  transit: string
  circulating: string
  /** What live tokens hold: an expired one is void for everybody who asks. */
  holds: string
  /** What accounts still set aside, expired tokens included that nothing has voided yet: what the events up to here tell. */
  held: string
  as_of: Date
}

/** The supply and what makes it up, in one snapshot; parallel workers of the server help, where it has any: for audits. */
export const readSupplyRow = (on: Queryable, time: Date | null) =>
  sumSupply(
    on,
    time,
    `select coalesce(sum(a.balance), 0) + coalesce(sum(a.staked), 0) + coalesce(sum(a.unbonding), 0) as total,
       coalesce(sum(a.held), 0) as held
     from teg.accounts a`,
  )

/** The same by one process of the server: for readers from outside. */
export const readSupplySparingly = (on: Queryable, time: Date | null) =>
  sumSupply(on, time, 'select s.total, s.held from teg.sum_accounts() s')

async function sumSupply(on: Queryable, time: Date | null, agents: string): Promise<SupplyRow> {
  const rows = await on.query<SupplyRow>(
    `with parts as (
       select s.account, s.balance as amount from teg.system_accounts s
       union all select d.account, d.amount from teg.system_deltas d
     ), deltas as (
       select coalesce(sum(p.amount) filter (where p.account = 'issuance'), 0) as issuance,
         coalesce(sum(p.amount) filter (where p.account = 'destruction'), 0) as destruction,
         coalesce(sum(p.amount) filter (where p.account like 'transit:%'), 0) as transit,
         coalesce(sum(p.amount) filter (where p.account in
           ('treasury', 'staking_reserve', 'rewards_payable', 'suspense')), 0) as kept
       from parts p
     ), agents as (${agents})
     select (-d.issuance)::text as issued, d.destruction::text as destroyed, (-d.transit)::text as transit,
       (a.total + d.kept)::text as circulating, m.at as as_of, a.held::text as held,
       (a.held - coalesce((select sum(o.amount) from teg.open_tokens o where o.expires_at <= m.at), 0))::text as holds
     from deltas d, agents a, (select coalesce($1::timestamptz, clock_timestamp()) as at) m`,
    [time],
  )
  return rows[0] as SupplyRow
}

export interface TreasuryRow {
  balance: string
  fees: string
  as_of: Date
}

/** What the treasury holds, and what fees alone have brought it. */
export async function readTreasuryRow(db: Queryable, time: Date | null): Promise<TreasuryRow> {
  const rows = await db.query<TreasuryRow>(
    `select coalesce(sum(p.amount), 0)::text as balance, coalesce(sum(p.credited), 0)::text as fees,
       coalesce($1::timestamptz, clock_timestamp()) as as_of
     from (
       select s.balance as amount, s.credited from teg.system_accounts s where s.account = 'treasury'
       union all
       select d.amount, case when d.minted then 0 else greatest(d.amount, 0) end from teg.system_deltas d where d.account = 'treasury'
     ) p`,
    [time],
  )
  return rows[0] as TreasuryRow
}

/** The number of the last event that has one. */
export async function readLastNumber(on: Queryable): Promise<bigint> {
  const rows = await on.query<{ last: bigint }>(
    'select coalesce(max(b.number_last), 0)::bigint as last from teg.outbox_numbered b',
  )
  return (rows[0] as { last: bigint }).last
}

export interface MovedRow {
  type: 'transfer.completed' | 'genesis.granted' | 'supply.minted' | 'supply.burned'
  count: bigint
  amount: string
  fee: string
}

/** Sums of the history by type of event, over at most so many batches after a number. */
export async function readMoved(
  on: Queryable,
  after: bigint,
  batches: number,
): Promise<{ counted_to: bigint; moved: MovedRow[] }> {
  const rows = await on.query<MovedRow & { counted_to: bigint; type: MovedRow['type'] | null }>(
    `with span as (
       select b.base, b.number_last from teg.outbox_numbered b
       where b.number_last > $1::bigint order by b.number_last limit $2::integer
     ), moved as (
       select case t.kind when 'genesis_grant' then 'genesis.granted' when 'mint' then 'supply.minted'
           when 'burn' then 'supply.burned' else 'transfer.completed' end as type, t.amount, t.fee
       from span s join teg.moves t on t.seq >= s.base and t.seq < s.base + 5000 where t.code is null
     ), sums as (
       select m.type, count(*) as count, sum(m.amount)::text as amount, sum(m.fee)::text as fee
       from moved m group by m.type
     )
     select e.counted_to, u.type, u.count, u.amount, u.fee
     from (select coalesce(max(s.number_last), $1::bigint) as counted_to from span s) e left join sums u on true
     order by u.type`,
    [after, batches],
  )
  const counted_to = (rows[0] as { counted_to: bigint }).counted_to
  return {
    counted_to,
    moved: rows.flatMap(({ type, count, amount, fee }) => (type ? { type, count, amount, fee } : [])),
  }
}
