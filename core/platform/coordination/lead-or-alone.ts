/** Leadership for work that is right with several workers and only cheaper with one. */
import type { Coordination } from './coordination.ts'

/** True when `token` holds the lease now, and also while the store is away: then everybody works. */
export async function leadOrAlone(
  coordination: Coordination,
  lease: string,
  token: string,
  ttlMs: number,
): Promise<boolean> {
  return (await coordination.acquireLease(lease, token, ttlMs)) || !(await coordination.ping())
}
