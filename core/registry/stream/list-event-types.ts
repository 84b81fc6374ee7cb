/** Lists the types of events with a sentence each. */
import { eventTypes } from './events.ts'

/** All types, in the order of the alphabet. */
export function listEventTypes(): { items: { type: string; description: string }[]; next_cursor: null } {
  const items = Object.entries(eventTypes).map(([type, description]) => ({ type, description }))
  return { items: items.sort((a, b) => (a.type < b.type ? -1 : 1)), next_cursor: null }
}
