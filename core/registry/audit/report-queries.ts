/** Statements of the audits. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface FoldRow {
  type: string
  last: bigint
  count: bigint
  /** Micro-AVT; null where an event of the type has none. */
  amount: string | null
  fee: string | null
  /** Of it, what went to or came from the treasury. */
  treasury: string | null
}

/** Sums of the TEG's events in the journal, by type, behind an index and up to a number of the TEG's. */
export const foldJournal = (on: Queryable, index: bigint, upTo: bigint) =>
  on.query<FoldRow>(
    `select e.type, count(*) as count, max(e.index) as last,
       trunc(sum((e.data ->> 'amount')::numeric) * 1000000)::text as amount,
       trunc(sum((e.data ->> 'fee')::numeric) * 1000000)::text as fee,
       trunc(sum((e.data ->> 'amount')::numeric)
         filter (where e.data ->> 'agent' is null) * 1000000)::text as treasury
     from (select j.index, j.type, j.envelope::json -> 'data' as data from registry.journal j
       join registry.journal_lives l on l.label = split_part(j.source, '#', 2)
       where j.index > $1 and j.source ~ '/teg(#|$)' and j.type <> 'source.restored'
         and j.sourcesequence - l.teg_shift <= $2
         -- What a restored TEG does not have any more is no part of its history.
         and not exists (select from registry.journal_lives n
           where n.number > l.number and n.teg_after < j.sourcesequence - l.teg_shift)) e
     group by e.type order by e.type`,
    [index, upTo],
  )

/** How far the relay has come in a source. */
export async function readRelayed(on: Queryable): Promise<bigint> {
  const rows = await on.query<{ sequence: bigint }>(
    `select sequence from registry.journal_sources where service = 'teg'`,
  )
  return rows[0]?.sequence ?? 0n
}

export interface ReportRow {
  position: bigint
  id: string
  actor: string
  status: 'ok' | 'mismatch' | 'inconclusive'
  number: bigint
  checks: { name: string; expected: string; found: string; ok: boolean }[]
  books: Record<string, unknown> | null
  fold: Record<string, string>
  note: string | null
  made_at: Date
}
const COLUMNS = 'position, id, actor, status, number, checks, books, fold, note, made_at'

export async function insertReport(
  tx: Transaction,
  row: Omit<ReportRow, 'made_at' | 'position'> & { time: Date | null },
): Promise<ReportRow> {
  const rows = await tx.query<ReportRow>(
    `insert into registry.audit_reports (id, actor, status, number, checks, books, fold, note, made_at)
     values ($1, $2, $3, $4, $5::json, $6::json, $7::json, $8, coalesce($9::timestamptz, clock_timestamp()))
     returning ${COLUMNS}`,
    [
      row.id,
      row.actor,
      row.status,
      row.number,
      JSON.stringify(row.checks),
      row.books === null ? null : JSON.stringify(row.books),
      JSON.stringify(row.fold),
      row.note,
      row.time,
    ],
  )
  return rows[0] as ReportRow
}

/** The newest audit that has looked at the books: the next one goes on from its sums. */
export async function findLastFold(on: Queryable): Promise<Pick<ReportRow, 'number' | 'fold'> | undefined> {
  const rows = await on.query<Pick<ReportRow, 'number' | 'fold'>>(
    `select r.number, r.fold from registry.audit_reports r where r.status <> 'inconclusive'
       -- What was summed up before the TEG was put back to an older backup holds what that has lost.
       and not exists (select from registry.journal_lives l
         where l.teg_after < r.number and l.first_index > coalesce((r.fold ->> 'index')::bigint, 0))
     order by r.position desc limit 1`,
  )
  return rows[0]
}

export const listReports = (on: Queryable, before: string | null, limit: number) =>
  on.query<ReportRow>(
    `select ${COLUMNS} from registry.audit_reports where $1::bigint is null or position < $1::bigint
     order by position desc limit $2`,
    [before, limit],
  )

export async function findReport(on: Queryable, id: string): Promise<ReportRow | undefined> {
  const rows = await on.query<ReportRow>(`select ${COLUMNS} from registry.audit_reports where id = $1`, [id])
  return rows[0]
}
