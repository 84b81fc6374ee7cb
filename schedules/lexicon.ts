/** Counts the words of discovery anew, so that suggestions and typo repair follow what is published. */
import type { RegistryContext } from '#core/registry/context.ts'
import { refreshLexicon } from '#core/registry/discovery/refresh-lexicon.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 120,
  run: (ctx) => refreshLexicon(ctx),
})
