/** THE REACTIONS: event type pattern -> reactor. */
import type { Reactions } from '#core/runtime/define-reactor.ts'

export const reactions = {} as const satisfies Reactions
