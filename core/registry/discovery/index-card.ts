/** The place where a card enters the discovery index; the index itself comes with discovery. */
import type { Transaction } from '#core/platform/database/database.ts'

export interface IndexEntry {
  did: string
  agent: string | null
  envelope: Record<string, unknown>
  visible: boolean
  time: Date | null
}

export async function indexCard(_tx: Transaction, _entry: IndexEntry): Promise<void> {}
