/** THE REACTIONS: event type pattern -> reactor. */
import type { Reactions } from '#core/runtime/define-reactor.ts'

export const reactions = {
  'grant-genesis': { load: () => import('./grant-genesis.ts') },
  'index-agents': { load: () => import('./index-agents.ts') },
  'queue-webhooks': { load: () => import('./queue-webhooks.ts') },
} as const satisfies Reactions
