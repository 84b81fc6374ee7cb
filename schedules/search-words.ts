/** Counts anew how many cards hold each word, so that suggestions and repairs of questions stay true. */
import type { RegistryContext } from '#core/registry/context.ts'
import { refreshLexicon } from '#core/registry/discovery/refresh-lexicon.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 120,
  run: (ctx) => refreshLexicon(ctx),
})
