/** Queues every event for the webhooks that want it and may see it; the deliveries commit with the cursor. */
import type { RegistryContext } from '#core/registry/context.ts'
import { queueEvents } from '#core/registry/webhooks/queue-events.ts'
import { defineReactor } from '#core/runtime/define-reactor.ts'

export default defineReactor<RegistryContext>({
  on: '>',
  run: (ctx, event, tx) => queueEvents(ctx, [event], tx),
  runAll: queueEvents,
})
