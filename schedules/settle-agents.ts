/** Makes the TEG's accounts agree with the agents: opens what is missing, finishes half-done changes of status. */
import { settleAgents } from '#core/registry/agents/settle-agents.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 50,
  run: (ctx) => settleAgents(ctx),
})
