/** Help for tests of the journal: facts written as domains write them, and relayed at once. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { type Emission, emitEvent } from '#core/platform/outbox.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { relayOwnEvents } from '#core/registry/stream/relay-events.ts'

export interface Journal {
  /** A fresh background context. */
  open(): RegistryContext
  /** Commits a fact; it stays in the outbox. */
  emit(event?: Partial<Emission>): Promise<void>
  /** Commits facts and takes them into the journal. @returns the head */
  tell(...events: Partial<Emission>[]): Promise<number>
  /** Moves everything that the registry's outbox holds. @returns rows moved */
  drain(): Promise<number>
}

export function journalOf(registry: RegistryResources): Journal {
  const { signal } = new AbortController()
  const open = () => ({ ...registry, ...backgroundCall(registry, 'test', signal) })
  const emit = async (event: Partial<Emission> = {}) => {
    const ctx = open()
    const whole = { type: 'agent.updated', subject: 'agents/1', data: {}, audience: null, ...event }
    await ctx.db.transaction((tx) => emitEvent(tx, ctx, whole))
  }
  const drain = async () => {
    for (let moved = 0; ; ) {
      const turn = await relayOwnEvents(open())
      moved += turn.moved
      if (!turn.more) return moved
    }
  }
  return {
    open,
    emit,
    drain,
    async tell(...events) {
      for (const event of events) await emit(event)
      await drain()
      const rows = await registry.db.query<{ index: bigint }>('select index from registry.journal_head')
      return Number(rows[0]?.index)
    },
  }
}
