/** A lease that only spares work: several holders do no harm, so without the store everybody leads. */
import type { Coordination } from './coordination/coordination.ts'

export interface SparingLease {
  /** True while this process should do the work; asks the store only when half of the term is over. */
  leads(): Promise<boolean>
  release(): Promise<void>
}

const TERM_MS = 5000

/** Opens it. What the work writes must be guarded by a lock of the database. */
export function openSparingLease(
  coordination: Pick<Coordination, 'acquireLease' | 'releaseLease' | 'ping'>,
  name: string,
  token: string,
): SparingLease {
  let until = 0
  let asking: Promise<boolean> | null = null
  const ask = async (): Promise<boolean> => {
    const held = await coordination.acquireLease(name, token, TERM_MS).catch(() => false)
    const leads = held || !(await coordination.ping().catch(() => false))
    until = leads ? performance.now() + TERM_MS / 2 : 0
    return leads
  }
  return {
    leads() {
      if (performance.now() < until) return Promise.resolve(true)
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
