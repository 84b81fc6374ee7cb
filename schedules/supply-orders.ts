/** Records in the audit trail what operators have minted and burned, where a process died before it did. */
import type { RegistryContext } from '#core/registry/context.ts'
import { settleOrders } from '#core/registry/minting/settle-orders.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 50,
  run: (ctx) => settleOrders(ctx),
})
