/** Tells the EventStore what the journal holds: the same bytes for ever, in order, and keeps its receipts. */

import { targetBits } from '#core/base/emission-policy.ts'
import type { Verifier } from '#core/base/tlog/note.ts'
import type { RegistryContext } from '../context.ts'
import { type EventStoreClient, EventStoreRefusal } from '../event-store-client.ts'
import {
  type ForwarderRow,
  findForwarder,
  insertReceipts,
  keepCheckpoint,
  listUnsent,
  markRefused,
  moveForwarder,
  type UnsentRow,
} from './queries.ts'
import {
  checkGrowth,
  ForwarderHalted,
  leafOf,
  readReceipts,
  type Seen,
  writeRetold,
  writeWithheld,
} from './rules.ts'

/** Most rows that one request tells, and bytes of their documents together. */
export const FORWARD_BATCH = 500
const BYTES_MAX = 4 * 1024 * 1024

export interface Forwarding {
  readonly client: EventStoreClient
  /** The key that checkpoints must be signed with; null: any, as long as the log only grows. */
  readonly verifier: Verifier | null
}

export interface Forwarded {
  /** Rows that have their receipt now. */
  readonly moved: number
  /** True when a batch was full: call again. */
  readonly more: boolean
}

/**
 * Tells one batch. Any number of processes may do it at once, and any moment may be the last: what was told comes again
 * and gets its first receipt.
 * @throws ForwarderHalted when the EventStore contradicts itself or the journal; EventStoreAway; EventStoreRefusal
 */
export async function forwardEvents(
  ctx: RegistryContext,
  { client, verifier }: Forwarding,
): Promise<Forwarded> {
  const state = await findForwarder(ctx.db)
  const rows = (await listUnsent(ctx.db, state.index, FORWARD_BATCH, BYTES_MAX)).map(told)
  if (rows.length === 0) return { moved: 0, more: false }
  const more = rows.length === FORWARD_BATCH
  try {
    return { moved: await tellRows(ctx, { client, verifier }, state, rows), more }
  } catch (error) {
    const at = placeOfConflict(error, rows)
    if (at < 0) throw explain(error)
    // What stands before it is told first, so that the one that is refused is the next.
    if (at > 0)
      return { moved: await tellRows(ctx, { client, verifier }, state, rows.slice(0, at)), more: true }
    await markRefused(ctx.db, state.ledger, (rows[0] as UnsentRow).index)
    throw explain(error)
  }
}

/** @returns rows that have their receipt now */
async function tellRows(
  ctx: RegistryContext,
  { client, verifier }: Forwarding,
  state: ForwarderRow,
  rows: readonly UnsentRow[],
): Promise<number> {
  const reply = await client.append(ctx, rows.map(toEvent))
  const leaves = rows.map(leafOf)
  const seen = readReceipts(reply, leaves, verifier)
  // Before the receipts are kept: what a log says that has lost its history is worth nothing.
  if (state.size !== null && state.root !== null && state.origin !== null)
    await checkAgainst(
      ctx,
      client,
      { origin: state.origin, size: Number(state.size), root: state.root },
      seen,
    )
  const last = (rows.at(-1) as UnsentRow).index
  return ctx.db.transaction(async (tx) => {
    // An operator may have had it begin anew meanwhile, with another EventStore.
    if (!(await moveForwarder(tx, state.ledger, last))) return 0
    const receipts = rows.map((row, i) => ({
      index: row.index,
      ledgerindex: reply.receipts[i]?.index as number,
      leafHash: leaves[i] as Uint8Array,
    }))
    await insertReceipts(tx, state.ledger, receipts, ctx.time)
    await keepCheckpoint(tx, seen)
    return rows.length
  })
}

/** As the ledger is told it: of what a policy keeps from it, only that there was an event. */
function told(row: UnsentRow): UnsentRow {
  if ((row.targets & targetBits.ledger) === 0) return { ...row, envelope: writeWithheld(row) }
  return row.retold ? { ...row, envelope: writeRetold(row) } : row
}

/** The row whose number the EventStore holds with other content; -1 when that is not what it says. */
const placeOfConflict = (error: unknown, rows: readonly UnsentRow[]): number =>
  error instanceof EventStoreRefusal && error.code === 'sequence_conflict'
    ? rows.findIndex(
        ({ source, sourcesequence }) =>
          source === error.problem.source && String(sourcesequence) === error.problem.sequence,
      )
    : -1

const toEvent = (row: UnsentRow) => ({
  source: row.source,
  sequence: String(row.sourcesequence),
  id: row.id,
  salt: Buffer.from(row.salt).toString('base64url'),
  payload: row.envelope,
})

async function checkAgainst(
  ctx: RegistryContext,
  client: EventStoreClient,
  before: Seen,
  after: Seen,
): Promise<void> {
  // Another process of ours may have seen a newer one meanwhile; that one was checked there.
  const isProvable = after.size > before.size && before.size > 0
  const proof = isProvable ? await client.proveConsistency(ctx, before.size, after.size) : null
  checkGrowth(before, after, proof)
}

/** What no repeat gets over is an alarm; everything else is tried again for ever. */
function explain(error: unknown): unknown {
  if (!(error instanceof EventStoreRefusal)) return error
  const { problem } = error
  if (error.code === 'sequence_gap')
    return new ForwarderHalted(
      `the EventStore expects number ${String(problem.next_expected)} of ${String(problem.source)}, which it has receipted before: it has lost events, or is another one. POST /operator/journal/resend tells it the whole journal.`,
    )
  if (error.code === 'sequence_conflict')
    return new ForwarderHalted(
      `the EventStore holds other content under number ${String(problem.sequence)} of ${String(problem.source)}. Was this database restored from a backup? Then POST /operator/journal/restored.`,
    )
  return error
}
