/** THE TIMETABLE: every task, its service and its cadence. */
import type { Timetable } from '#core/runtime/define-schedule.ts'

export const timetable = {
  'mail-outbox': { service: 'registry', everySeconds: 5, load: () => import('./mail-outbox.ts') },
  'genesis-grants': { service: 'registry', everySeconds: 60, load: () => import('./genesis-grants.ts') },
  'settle-agents': { service: 'registry', everySeconds: 60, load: () => import('./settle-agents.ts') },
  'post-fees': { service: 'registry', everySeconds: 60, load: () => import('./post-fees.ts') },
  'search-words': { service: 'registry', everySeconds: 3600, load: () => import('./search-words.ts') },
  retention: { service: 'registry', everySeconds: 3600, load: () => import('./retention.ts') },
} as const satisfies Timetable
