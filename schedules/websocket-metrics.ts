/** Broadcasts live metrics to every WebSocket. */
import type { RegistryContext } from '#core/registry/context.ts'
import { publishMetrics } from '#core/registry/stream/publish-metrics.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 10,
  run: (ctx) => publishMetrics(ctx),
})
