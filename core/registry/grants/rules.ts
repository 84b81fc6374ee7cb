/** When a due grant is tried again. Pure. */
import type { Outcome } from '#core/wire/teg.ts'

const FIRST_WAIT_SECONDS = 60
const WAIT_SECONDS_MAX = 3600

/** Seconds until the next attempt after `attempts` of them: doubling from a minute to an hour. */
export function waitSeconds(attempts: number): number {
  return Math.min(WAIT_SECONDS_MAX, FIRST_WAIT_SECONDS * 2 ** Math.min(attempts, 10))
}

/** What an attempt came to. `due`: it stays due at the time that the claim has set. */
export type Verdict =
  | { kind: 'granted' }
  | { kind: 'refused'; code: string }
  | { kind: 'due' }
  | { kind: 'tomorrow' }

/**
 * Reads the gate's outcome of a grant. An exhausted budget waits for the next UTC day; an agent that is suspended may
 * come back, an account that the TEG has lost may be opened again; every other refusal is final.
 */
export function judgeOutcome(outcome: Outcome, agentStatus: string): Verdict {
  if (outcome.ok) return { kind: 'granted' }
  const code = outcome.error?.code ?? 'unknown'
  if (code === 'budget_exhausted') return { kind: 'tomorrow' }
  if (code === 'agent_not_found') return { kind: 'due' }
  if (code === 'agent_not_active' && agentStatus !== 'retired') return { kind: 'due' }
  return { kind: 'refused', code }
}
