/** Redeems a ticket, once. */
import { createDecipheriv } from 'node:crypto'
import type { Resources } from '#core/platform/context.ts'
import { ticketHash, ticketKey } from './issue-ticket.ts'
import { takeTicket } from './queries.ts'

/**
 * Burns a ticket. The credential inside is judged anew by the authenticator: a session that has ended meanwhile is refused.
 * @returns the bearer token that asked for it, null when the ticket is unknown, used or expired
 */
export async function redeemTicket(resources: Resources, ticket: string): Promise<string | null> {
  if (!/^nft_[A-Za-z0-9_-]{43}$/.test(ticket)) return null
  const sealed = await takeTicket(resources.db, ticketHash(ticket), resources.clock.fixed)
  if (sealed === null) return null
  const bytes = Buffer.from(sealed, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', ticketKey(ticket), bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
}
