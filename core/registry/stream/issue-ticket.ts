/** Issues a ticket: browsers can't send an Authorization header with a WebSocket, and a credential must not be in a URL. */
import { createCipheriv, createHash, hkdfSync } from 'node:crypto'
import type { RegistryContext } from '../context.ts'
import { insertTicket } from './queries.ts'
import type { Ticket } from './schema.ts'

const TICKET_SECONDS = 30

/** Keys of a ticket: the database holds its hash, and a credential that only the ticket itself can open. */
export const ticketHash = (ticket: string): Uint8Array => createHash('sha256').update(ticket).digest()
export const ticketKey = (ticket: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', ticket, 'ninefold', 'event-ticket', 32))

/** Seals the caller's bearer token into a single-use ticket of 30 seconds. */
export async function issueTicket(ctx: RegistryContext, credential: string): Promise<Ticket> {
  const ticket = `nft_${Buffer.from(ctx.random(32)).toString('base64url')}`
  const iv = ctx.random(12)
  const cipher = createCipheriv('aes-256-gcm', ticketKey(ticket), iv)
  const body = Buffer.concat([cipher.update(credential, 'utf8'), cipher.final()])
  const sealed = Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
  await ctx.db.transaction((tx) =>
    insertTicket(tx, { hash: ticketHash(ticket), sealed, seconds: TICKET_SECONDS }, ctx.time),
  )
  return { ticket, expires_in: TICKET_SECONDS }
}
