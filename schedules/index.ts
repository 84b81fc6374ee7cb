/** THE TIMETABLE: every task, its service and its cadence. */
import type { Timetable } from '#core/runtime/define-schedule.ts'

/** What operators may set for tasks that look for work to do. */
const minutely = { minimum: 10, maximum: 3600 }

export const timetable = {
  'fee-rate': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./fee-rate.ts'),
  },
  'genesis-grants': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./genesis-grants.ts'),
  },
  'ledger-auditor': {
    service: 'registry',
    everySeconds: 86_400,
    interval: { minimum: 600, maximum: 604_800 },
    load: () => import('./ledger-auditor.ts'),
  },
  lexicon: {
    service: 'registry',
    everySeconds: 86_400,
    interval: { minimum: 3600, maximum: 604_800 },
    load: () => import('./lexicon.ts'),
  },
  'mail-outbox': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./mail-outbox.ts'),
  },
  'payment-expiry': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./payment-expiry.ts'),
  },
  retention: {
    service: 'registry',
    everySeconds: 3600,
    interval: { minimum: 300, maximum: 86_400 },
    load: () => import('./retention.ts'),
  },
  'settle-agents': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./settle-agents.ts'),
  },
  'supply-auditor': {
    service: 'registry',
    everySeconds: 900,
    interval: { minimum: 60, maximum: 86_400 },
    load: () => import('./supply-auditor.ts'),
  },
  'supply-orders': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./supply-orders.ts'),
  },
  'websocket-metrics': {
    service: 'registry',
    everySeconds: 10,
    interval: { minimum: 2, maximum: 600 },
    catchUp: 'none',
    load: () => import('./websocket-metrics.ts'),
  },
  'webhook-retry': {
    service: 'registry',
    everySeconds: 60,
    interval: minutely,
    load: () => import('./webhook-retry.ts'),
  },
} as const satisfies Timetable
