/** Places for connections: so many in all, and so many for one address. */

export interface Places {
  /** @returns a function that gives the place back, or null when there is none */
  enter(address: string): (() => void) | null
  count(): number
}

export function openPlaces(total: number, perAddress: number): Places {
  const held = new Map<string, number>()
  let taken = 0
  return {
    enter(address) {
      const own = held.get(address) ?? 0
      if (taken >= total || own >= perAddress) return null
      taken++
      held.set(address, own + 1)
      let isLeft = false
      return () => {
        if (isLeft) return
        isLeft = true
        taken--
        const rest = (held.get(address) ?? 1) - 1
        if (rest > 0) held.set(address, rest)
        else held.delete(address)
      }
    },
    count: () => taken,
  }
}
