/** What can be rated. Pure. */
import type { Transfer } from '#core/wire/teg.ts'

/** Why a transfer can't be rated; null when it can. A grant is no transfer of an agent and is never found here. */
export function refuseRating(transfer: Transfer): string | null {
  if (transfer.refund_of !== null) return 'A refund is no work that could be rated.'
  if (transfer.status !== 'completed')
    return `Only a completed transfer can be rated; this one is ${transfer.status}.`
  return null
}
