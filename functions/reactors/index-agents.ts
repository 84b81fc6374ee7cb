/** Puts cards into the search index that are missing there: after a replay from the beginning, all of them. */
import type { RegistryContext } from '#core/registry/context.ts'
import { restoreCards } from '#core/registry/discovery/restore-cards.ts'
import { defineReactor } from '#core/runtime/define-reactor.ts'

export default defineReactor<RegistryContext>({
  on: 'agent.*',
  run: (ctx, event, tx) => restoreCards(ctx, [event], tx),
  runAll: restoreCards,
})
