/** Reads where the log stands: its checkpoint, its keys, the last event of a source. */
import { encodeBase64 } from '#core/base/tlog/note.ts'
import type { LogInfo, SourceHead } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { fail } from './errors.ts'
import { findHead, findIndex, findSourceHead, listEntries } from './queries.ts'

/** The newest checkpoint: a signed note. */
export async function readCheckpoint(ctx: EventStoreContext): Promise<string> {
  return (await findHead(ctx.db)).checkpoint
}

/** The newest checkpoint and what it signs. */
export async function readHead(ctx: EventStoreContext) {
  const { size, root, checkpoint } = await findHead(ctx.db)
  return { size: Number(size), root, checkpoint }
}

export async function readLogInfo(ctx: EventStoreContext): Promise<LogInfo> {
  const { origin, size, root } = await findHead(ctx.db)
  return {
    origin,
    size: Number(size),
    root: encodeBase64(root),
    key: ctx.keys.log.verifier.text,
    witness_key: ctx.keys.witness.verifier.text,
  }
}

/** What a source has told so far: where its forwarder goes on. Numbers are public, as the entries are. */
export async function readSourceHead(ctx: EventStoreContext, source: string): Promise<SourceHead> {
  const found = await findSourceHead(ctx.db, source)
  const last = found?.last_sequence ?? 0n
  return {
    source,
    last_sequence: String(last),
    next_expected: String(last + 1n),
    index: found?.index === null || found?.index === undefined ? null : Number(found.index),
  }
}

/** The place of an event by its source and number; null: not in the log. */
export async function findPlace(
  ctx: EventStoreContext,
  source: string,
  sequence: bigint,
): Promise<number | null> {
  const index = await findIndex(ctx.db, source, sequence)
  return index === undefined ? null : Number(index)
}

/** The bytes of one entry; null: the log is not that far. */
export async function readEntry(ctx: EventStoreContext, index: number): Promise<Uint8Array | null> {
  return (await listEntries(ctx.db, index, index + 1))[0]?.entry ?? null
}

/** @throws 503 log_unavailable */
export async function checkReady(ctx: EventStoreContext): Promise<{ status: 'ready' }> {
  try {
    await findHead(ctx.db)
  } catch (error) {
    throw fail('log_unavailable', 'The database does not answer.', { cause: error })
  }
  return { status: 'ready' }
}
