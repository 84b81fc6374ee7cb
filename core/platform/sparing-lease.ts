/** A lease that only spares work: several holders do no harm, so without the store everybody leads. */
import type { Coordination } from './coordination/coordination.ts'

export interface SparingLease {
  /** True while this process should do the work; asks the store only when half of the term is over. */
  leads(): Promise<boolean>
  release(): Promise<void>
}

const TERM_MS = 5000
/** Who was told that another leads believes it for so long: hints come by the hundred, and each would ask the store twice. */
const FOLLOWS_MS = 250

/** Opens it. What the work writes must be guarded by a lock of the database. */
export function openSparingLease(
  coordination: Pick<Coordination, 'acquireLease' | 'releaseLease' | 'ping'>,
  name: string,
  token: string,
  monotonic: () => number = () => performance.now(),
): SparingLease {
  let until = 0
  let followsUntil = 0
  let asking: Promise<boolean> | null = null
  const ask = async (): Promise<boolean> => {
    const held = await coordination.acquireLease(name, token, TERM_MS).catch(() => false)
    const leads = held || !(await coordination.ping().catch(() => false))
    until = leads ? monotonic() + TERM_MS / 2 : 0
    followsUntil = leads ? 0 : monotonic() + FOLLOWS_MS
    return leads
  }
  return {
    leads() {
      const now = monotonic()
      if (now < until) return Promise.resolve(true)
      if (now < followsUntil) return Promise.resolve(false)
      // Callers of one moment share the answer.
      asking ??= ask().finally(() => {
        asking = null
      })
      return asking
    },
    async release() {
      until = 0
      await coordination.releaseLease(name, token).catch(() => undefined)
    },
  }
}
