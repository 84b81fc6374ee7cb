/** The genesis grant at once after the first agent: a hint to the task that pays it; without it the task comes by itself. */
import type { RegistryContext } from '#core/registry/context.ts'
import { defineReactor } from '#core/runtime/define-reactor.ts'

export default defineReactor<RegistryContext>({
  on: 'agent.published',
  run: async (ctx) => () => ctx.wake('grants'),
})
