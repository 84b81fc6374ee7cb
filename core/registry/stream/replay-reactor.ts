/** What operators do about reactors: try parked events again, drop them, start anew from an index. */
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { failReactor } from './errors.ts'
import { requireReactor } from './list-reactors.ts'
import { findHead } from './queries.ts'
import { holdCursor, markReplay, moveCursor, removeParked } from './reactor-queries.ts'
import { JOURNAL_CHANNEL } from './relay-events.ts'
import type { Reactor } from './schema.ts'

/**
 * Asks for another attempt at one parked event (null: at all of them); the reactor makes it at its next turn, beside
 * its place in the journal. What fails again stands there again.
 * @throws 404 not_found
 */
export async function replayParked(
  ctx: RegistryContext,
  name: string,
  index: bigint | null,
): Promise<{ replayed: number }> {
  const replayed = await ctx.once(async (tx) => {
    await requireReactor(tx, name)
    const marked = await markReplay(tx, name, index, ctx.time)
    if (index !== null && marked.length === 0)
      throw failReactor('not_found', 'No event of that index is parked.')
    await recordAct(tx, ctx, {
      act: 'reactor.replay_parked',
      object: `reactors/${name}`,
      before: null,
      after: { index: index === null ? 'all' : String(index), count: marked.length },
    })
    return { replayed: marked.length }
  })
  await wakeReactors(ctx)
  return replayed
}

/** Drops a parked event that needs no attempt any more. @throws 404 not_found */
export async function dropParked(ctx: RegistryContext, name: string, index: bigint): Promise<void> {
  await ctx.once(async (tx) => {
    if ((await removeParked(tx, name, index)).length === 0)
      throw failReactor('not_found', 'No event of that index is parked.')
    await recordAct(tx, ctx, {
      act: 'reactor.drop_parked',
      object: `reactors/${name}`,
      before: { index: String(index) },
      after: null,
    })
    return null
  })
}

/**
 * Sets a reactor's place so that `from` is the next index that it takes: back for a replay, or ahead past the head by
 * one at most. Effects are keyed by what they are for, so that a replay repairs and does not double.
 * @throws 404 not_found, 422 out_of_bounds
 */
export async function replayFrom(ctx: RegistryContext, name: string, from: number): Promise<Reactor> {
  const reactor = await ctx.once(async (tx) => {
    const before = await holdCursor(tx, name)
    if (!before) throw failReactor('not_found', `There is no reactor ${name}.`)
    const head = await findHead(tx)
    if (BigInt(from) > head + 1n)
      throw failReactor('out_of_bounds', `/from: must be at most ${head + 1n}, one past the head.`, {
        errors: [{ pointer: '/from', code: 'out_of_bounds', detail: `must be at most ${head + 1n}` }],
      })
    await moveCursor(tx, name, BigInt(from) - 1n, ctx.time)
    await recordAct(tx, ctx, {
      act: 'reactor.replay',
      object: `reactors/${name}`,
      before: { index: String(before.index) },
      after: { index: String(from - 1) },
    })
    return requireReactor(tx, name)
  })
  await wakeReactors(ctx)
  return reactor
}

/** Only a hint. */
async function wakeReactors(ctx: RegistryContext): Promise<void> {
  await ctx.coordination.publish(JOURNAL_CHANNEL, '').catch(() => undefined)
}
