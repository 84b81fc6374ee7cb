/** THE DOORS: every function, its service and the prefix it stands under. Loading is lazy; order is the router's. */
import type { EventStoreContext } from '#core/event-store/context.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import type { Door } from '#core/runtime/define-function.ts'
import type { TegContext } from '#core/teg/context.ts'

const API = '/api/v1'

export const registryDoors = {
  auth: { service: 'registry', prefix: `${API}/auth`, load: () => import('./registry/auth.ts') },
  account: { service: 'registry', prefix: `${API}/auth`, load: () => import('./registry/account.ts') },
  invites: { service: 'registry', prefix: `${API}/invites`, load: () => import('./registry/invites.ts') },
  agents: { service: 'registry', prefix: `${API}/agents`, load: () => import('./registry/agents.ts') },
  discovery: {
    service: 'registry',
    prefix: `${API}/discovery`,
    load: () => import('./registry/discovery.ts'),
  },
  transfers: {
    service: 'registry',
    prefix: `${API}/transfers`,
    load: () => import('./registry/transfers.ts'),
  },
  payments: { service: 'registry', prefix: `${API}/payments`, load: () => import('./registry/payments.ts') },
  x402: { service: 'registry', prefix: `${API}/x402`, load: () => import('./registry/x402.ts') },
  events: { service: 'registry', prefix: `${API}/events`, load: () => import('./registry/events.ts') },
  webhooks: {
    service: 'registry',
    prefix: `${API}/webhooks`,
    load: () => import('./registry/webhooks.ts'),
  },
  audit: { service: 'registry', prefix: `${API}/audit`, load: () => import('./registry/audit.ts') },
  journal: {
    service: 'registry',
    prefix: `${API}/operator/journal`,
    load: () => import('./registry/journal.ts'),
  },
  federation: {
    service: 'registry',
    prefix: `${API}/federation`,
    load: () => import('./registry/federation.ts'),
  },
  reactors: {
    service: 'registry',
    prefix: `${API}/operator/reactors`,
    load: () => import('./registry/reactors.ts'),
  },
  operator: { service: 'registry', prefix: `${API}/operator`, load: () => import('./registry/operator.ts') },
  tasks: {
    service: 'registry',
    prefix: `${API}/operator/tasks`,
    load: () => import('./registry/tasks.ts'),
  },
  health: { service: 'registry', prefix: '', load: () => import('./registry/health.ts') },
} as const satisfies Record<string, Door<RegistryContext>>

export const tegDoors = {
  ledger: { service: 'teg', prefix: '', load: () => import('./teg/ledger.ts') },
  tegHealth: { service: 'teg', prefix: '', load: () => import('./teg/health.ts') },
} as const satisfies Record<string, Door<TegContext>>

export const eventStoreDoors = {
  storedEvents: { service: 'event-store', prefix: '/events', load: () => import('./event-store/events.ts') },
  log: { service: 'event-store', prefix: '', load: () => import('./event-store/log.ts') },
  witness: { service: 'event-store', prefix: '/witness', load: () => import('./event-store/witness.ts') },
} as const satisfies Record<string, Door<EventStoreContext>>
