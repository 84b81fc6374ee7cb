/** THE TIMETABLE: every task, its service and its cadence. */
import type { Timetable } from '#core/runtime/define-schedule.ts'

export const timetable = {
  'fee-rate': { service: 'registry', everySeconds: 60, load: () => import('./fee-rate.ts') },
  'genesis-grants': { service: 'registry', everySeconds: 60, load: () => import('./genesis-grants.ts') },
  lexicon: { service: 'registry', everySeconds: 86_400, load: () => import('./lexicon.ts') },
  'mail-outbox': { service: 'registry', everySeconds: 60, load: () => import('./mail-outbox.ts') },
  retention: { service: 'registry', everySeconds: 3600, load: () => import('./retention.ts') },
  'settle-agents': { service: 'registry', everySeconds: 60, load: () => import('./settle-agents.ts') },
  'webhook-retry': { service: 'registry', everySeconds: 60, load: () => import('./webhook-retry.ts') },
} as const satisfies Timetable
