/** Time that stands still and randomness by a seed: whoever answers the same request makes the same ids. */
import type { Clock } from '#core/platform/context.ts'

export const NOW = '2026-11-24T12:00:00.000Z'

export interface Fixed {
  readonly clock: Clock
  readonly random: (size: number) => Uint8Array
  /** Begins the randomness of one request. */
  seed(number: number): void
}

export function openFixed(): Fixed {
  const now = new Date(NOW)
  let state = 0
  return {
    clock: { now: () => new Date(now), fixed: now },
    random: (size) =>
      Uint8Array.from({ length: size }, () => {
        state = (state + 0x6d2b79f5) | 0
        let t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return (t ^ (t >>> 14)) & 0xff
      }),
    seed(number) {
      state = Math.imul(number + 1, 0x9e3779b1) | 0
    },
  }
}

/** Randomness of the TEG: ids in the order in which they are made, and known by their look. */
export function openCounted(): (size: number) => Uint8Array {
  let count = 0
  return (size) => {
    count++
    const bytes = new Uint8Array(size)
    bytes.set([0x0e, 0xee, 0x2e, 0xee].slice(0, size))
    for (let at = size - 1, rest = count; at >= 4; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256
    return bytes
  }
}

/**
 * Ids of the TEG, and payment tokens and cursors that hold one, by the order in which they are first seen: a function that has not met
 * an agent yet tells the TEG of it first, which takes an id. All other bytes stay as they are.
 */
export function openCanon(): (text: string) => string {
  const seen = new Map<string, string>()
  const name = (found: string) => {
    const known = seen.get(found) ?? `#${seen.size}`
    seen.set(found, known)
    return known
  }
  const marks =
    /apt_[\w.~-]+|(?<=[?&]cursor=)[\w-]+|(?<=next_cursor[\\]?":[\\]?")[\w-]+|[0-9a-f]{8}-[0-9a-f]{4}-7(?:eee-aeee|000-8000)-[0-9a-f]{12}/g
  return (text) => text.replace(marks, name)
}
