/** Audits the TEG's books against the fold of the journal, and keeps a report; a mismatch raises an alarm. */
import { principalOf } from '#core/base/caller.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import type { Books } from '#core/wire/audit.ts'
import type { RegistryContext } from '../context.ts'
import { auditReported } from './events.ts'
import { findMintingFault } from './find-minting-fault.ts'
import { findLastFold, foldJournal, insertReport, type ReportRow, readRelayed } from './report-queries.ts'
import { addHistory, addToFold, type Fold, judgeBooks, loadFold, storeFold } from './rules.ts'
import type { AuditReport } from './schema.ts'
import { showReport } from './show-report.ts'

/** Answers of the TEG that one audit reads. */
const ROUNDS_MAX = 100
/** Looks at the journal while the relay is behind the books, and the pause between them. */
const LOOKS_MAX = 20
const LOOK_MS = 250

/**
 * Goes on from the sums of the audit before. Any number may run at once: each report stands for itself.
 * @returns the report; `inconclusive` while the journal has not caught up with the TEG
 * @throws 503 teg_unavailable
 */
export async function auditSupply(ctx: RegistryContext): Promise<AuditReport> {
  const before = await findLastFold(ctx.db)
  const start = { number: before?.number ?? 0n, fold: before ? loadFold(before.fold) : {} }
  const found = await readAll(ctx, Number(start.number))
  if (found === null)
    return keepReport(ctx, inconclusive(start, 'the history is longer than one audit reads'))
  const { books, history } = found
  if (BigInt(books.number) < start.number)
    return keepReport(ctx, inconclusive(start, 'the TEG knows less than it has told before'))
  if (!(await isRelayed(ctx, BigInt(books.number))))
    return keepReport(ctx, inconclusive(start, 'the journal has not caught up with the TEG'))
  const parts = await foldJournal(ctx.db, start.fold.index ?? 0n, BigInt(books.number))
  const fold = addToFold(start.fold, parts)
  const checks = judgeBooks(books, fold, addToFold({}, parts), history)
  const fault = await findMintingFault(ctx)
  // No sums tell it: where minting is refused, an order of the operator to the TEG itself agrees with every one of them.
  if (fault) checks.push({ name: 'minting', expected: 'disabled', found: fault.found, ok: false })
  const failed = checks.filter(({ ok }) => !ok)
  const report = await keepReport(ctx, {
    status: failed.length === 0 ? 'ok' : 'mismatch',
    number: BigInt(books.number),
    checks,
    books: { ...books.supply, treasury: books.treasury, incarnation: books.incarnation },
    fold: storeFold(fold),
    note: (fold.unknown ?? 0n) > 0n ? 'treasury and holds are not judged: events of unknown types' : null,
  })
  if (failed.length > 0)
    ctx.log.error(
      { task: 'supply-auditor', hint: failed.map(({ name }) => name).join(' '), count: failed.length },
      "the TEG's books do not agree with the journal",
    )
  return report
}

type NewReport = Pick<ReportRow, 'status' | 'number' | 'checks' | 'books' | 'fold' | 'note'>

const inconclusive = (start: { number: bigint; fold: Fold }, note: string): NewReport => ({
  status: 'inconclusive',
  number: start.number,
  checks: [],
  books: null,
  fold: storeFold(start.fold),
  note,
})

/** The books at a snapshot up to which the whole history was summed up; null when that is out of reach. */
async function readAll(ctx: RegistryContext, after: number): Promise<{ books: Books; history: Fold } | null> {
  let history: Fold = {}
  let from = after
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const books = await ctx.teg.books(ctx, from)
    history = addHistory(history, books.moved)
    if (books.counted_to >= books.number) return { books, history }
    from = books.counted_to
  }
  return null
}

/** Waits for the relay, within reason. */
async function isRelayed(ctx: RegistryContext, number: bigint): Promise<boolean> {
  for (let look = 0; look < LOOKS_MAX && !ctx.signal.aborted; look++) {
    if ((await readRelayed(ctx.db)) >= number) return true
    ctx.wake('relay')
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return false
}

async function keepReport(ctx: RegistryContext, report: NewReport): Promise<AuditReport> {
  const actor = principalOf(ctx.caller) ?? 'system'
  const shown = await ctx.once(async (tx) => {
    const row = showReport(await insertReport(tx, { ...report, id: ctx.newId(), actor, time: ctx.time }))
    await emitEvent(tx, ctx, auditReported(row))
    return row
  })
  ctx.wake('relay')
  return shown
}
