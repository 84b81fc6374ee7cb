/** The port under `ctx.once`: where replies of commands are recorded. */
import type { Transaction } from './database/database.ts'

export interface IdempotencyStore {
  /**
   * Claims (principal, key) for this request in the transaction; a rival's open transaction is waited for.
   * @returns null when claimed now, the record when it was there before
   */
  claim(
    tx: Transaction,
    claim: { principal: string; key: string; hash: string; time: Date | null },
  ): Promise<{ hash: string; body: string | null } | null>
  /** Stores the reply beside its claim. */
  store(tx: Transaction, claim: { principal: string; key: string }, body: string): Promise<void>
}
