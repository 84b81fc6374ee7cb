/** Finds out whether this database was restored from a backup, and raises its incarnation: the relay then begins a new life. */
import { findIdentity } from '#core/platform/database/identity-queries.ts'
import type { RegistryContext } from '../context.ts'
import { EventStoreAway, EventStoreRefusal } from '../event-store-client.ts'
import { findLife, findStanding, keepIdentity, raiseIncarnation } from './life-queries.ts'
import { sequenceIn, services, sourceOf } from './rules.ts'

/** An EventStore that does not answer within it is not waited for. */
const ANSWER_MS = 3000

/**
 * To be called before the relay's first turn. Two signs: the rows stand in another database than before (a restored dump,
 * a copy, a server that took over), or the EventStore has been told more than this journal holds (a restored disk).
 */
export async function detectRestore(ctx: RegistryContext): Promise<void> {
  const identity = await findIdentity(ctx.db)
  const moved = 'its rows stand in another database than before'
  if (identity !== null && (await keepIdentity(ctx.db, identity, moved))) return
  const life = await findLife(ctx.db)
  if (ctx.eventStore === null || life.incarnation > life.number) return
  for (const service of services) {
    const source = sourceOf(ctx.config.REGISTRY_NAME, service, life)
    const told = await askHead(ctx, source)
    if (told === null) return
    // Looked up behind it, so that what another process has told meanwhile counts on both sides.
    const standing = await findStanding(ctx.db)
    const own = sequenceIn(life, service, standing[service])
    if (told <= own) continue
    await raiseIncarnation(
      ctx.db,
      `the EventStore holds number ${told} of ${source}, and this journal ended with ${own}`,
    )
    return
  }
}

/** The last number that the EventStore was told; null when it does not say. */
async function askHead(ctx: RegistryContext, source: string): Promise<bigint | null> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ANSWER_MS)])
  try {
    const head = await ctx.eventStore?.findHead({ requestId: ctx.requestId, signal }, source)
    return head ? BigInt(head.last_sequence) : null
  } catch (error) {
    if (error instanceof EventStoreAway || error instanceof EventStoreRefusal) return null
    throw error
  }
}
