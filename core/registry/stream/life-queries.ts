/** Statements of the lives of the journal. */
import type { Policy } from '#core/base/emission-policy.ts'
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { Life } from './rules.ts'

const COLUMNS = 'l.number, l.label, l.registry_after, l.registry_shift, l.teg_after, l.teg_shift'

/** The life at present, and the incarnation that the database is said to be in: a higher one begins a new life. */
export async function findLife(
  on: Queryable,
): Promise<Life & { incarnation: number; reason: string | null }> {
  const rows = await on.query<Life & { incarnation: number; reason: string | null }>(
    `select ${COLUMNS}, i.number as incarnation, i.reason
     from registry.journal_lives l cross join registry.incarnation i order by l.number desc limit 1`,
  )
  return rows[0] as Life & { incarnation: number; reason: string | null }
}

/** What is appended to the journal stands on: its life, where it and its sources are, the policies in force. */
export interface Ground extends Life {
  readonly incarnation: number
  readonly reason: string | null
  readonly head: bigint
  readonly registry: bigint
  readonly teg: bigint
  /** Of the policies; null: there have never been any. */
  readonly version: bigint | null
  readonly policies: Policy[] | null
}

/** All that the relay asks with every batch, in one statement; the journal must be locked. */
export async function findGround(tx: Transaction): Promise<Ground> {
  const rows = await tx.query<Ground>(
    `select l.number, l.label, l.registry_after, l.registry_shift, l.teg_after, l.teg_shift, i.number as incarnation,
       i.reason, h.index as head, r.sequence as registry, t.sequence as teg, p.version, p.policies
     from (select * from registry.journal_lives order by number desc limit 1) l
     cross join registry.incarnation i cross join registry.journal_head h
     join registry.journal_sources r on r.service = 'registry' join registry.journal_sources t on t.service = 'teg'
     left join (select version, policies from registry.policy_sets order by version desc limit 1) p on true`,
    [],
    { keep: 'find_ground' },
  )
  return rows[0] as Ground
}

/** All of them, the newest first. */
export const listLives = (on: Queryable) =>
  on.query<Life>(`select ${COLUMNS} from registry.journal_lives l order by l.number desc`)

export async function findStanding(on: Queryable) {
  const rows = await on.query<{
    registry: bigint
    teg: bigint
    told: bigint
    refused: bigint | null
    head: bigint
    ledger: number
    origin: string | null
    size: bigint | null
    root: Uint8Array | null
  }>(
    `select r.sequence as registry, t.sequence as teg, f.index as told, f.refused_index as refused, h.index as head,
       f.ledger, f.origin, f.size, f.root
     from registry.journal_head h, registry.forwarder f, registry.journal_sources r, registry.journal_sources t
     where r.service = 'registry' and t.service = 'teg'`,
  )
  return rows[0] as NonNullable<(typeof rows)[0]>
}

/** Rows of a service from an index on. */
export async function countFrom(tx: Transaction, service: string, index: bigint): Promise<bigint> {
  const rows = await tx.query<{ count: bigint }>(
    `select count(*) as count from registry.journal j where j.index >= $1 and j.source ~ ('/' || $2::text || '(#|$)')`,
    [index, service],
  )
  return (rows[0] as { count: bigint }).count
}

/** Gives rows of a service from an index on other numbers, from 1, under another source. */
export const retellFrom = (
  tx: Transaction,
  from: { index: bigint; service: string; life: number; source: string },
) =>
  tx.query(
    `insert into registry.journal_retold (index, life, source, sourcesequence)
     select j.index, $3, $4, row_number() over (order by j.index)
     from registry.journal j where j.index >= $1 and j.source ~ ('/' || $2::text || '(#|$)')`,
    [from.index, from.service, from.life, from.source],
  )

export async function insertLife(
  tx: Transaction,
  life: Life & { first_index: bigint; reason: string },
  now: Date | null,
): Promise<void> {
  await tx.query(
    `insert into registry.journal_lives
       (number, label, first_index, registry_after, registry_shift, teg_after, teg_shift, reason, begun_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::timestamptz, clock_timestamp()))`,
    [
      life.number,
      life.label,
      life.first_index,
      life.registry_after,
      life.registry_shift,
      life.teg_after,
      life.teg_shift,
      life.reason,
      now,
    ],
  )
  await tx.query('update registry.incarnation set reason = null')
}

/** Raises the incarnation: the relay then begins a new life. @returns the number */
export async function raiseIncarnation(on: Queryable, reason: string): Promise<number> {
  const rows = await on.query<{ number: number }>(
    'update registry.incarnation set number = number + 1, reason = $1 returning number',
    [reason],
  )
  return (rows[0] as { number: number }).number
}

/** Indexes of the TEG's facts from one on, and how many; what the journal says of itself is none. */
export async function findTegRowsFrom(
  on: Queryable,
  from: { source: string; sequence: bigint },
): Promise<{ first: bigint; last: bigint; count: bigint } | null> {
  const rows = await on.query<{ first: bigint | null; last: bigint; count: bigint }>(
    `select min(j.index) as first, max(j.index) as last, count(*) as count from registry.journal j
     where j.source ~ '/teg(#|$)' and j.type <> 'source.restored' and j.index >=
       (select f.index from registry.journal f where f.source = $1 and f.sourcesequence = $2)`,
    [from.source, from.sequence],
  )
  const found = rows[0]
  return found && found.first !== null ? { first: found.first, last: found.last, count: found.count } : null
}

/** Notes the identity; another one than before raises the incarnation. @returns true when it did */
export async function keepIdentity(on: Queryable, identity: string, reason: string): Promise<boolean> {
  const rows = await on.query<{ raised: boolean }>(
    `update registry.incarnation i
     set identity = $1, number = i.number + (b.identity is not null)::integer,
       reason = case when b.identity is null then i.reason else $2 end
     from (select x.identity from registry.incarnation x) b
     where i.identity is distinct from $1 returning b.identity is not null as raised`,
    [identity, reason],
  )
  return rows[0]?.raised === true
}
