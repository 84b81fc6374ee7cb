/** A mail server on this machine that keeps what it gets, reachable from containers. */
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { vi } from 'vitest'

export interface Mailbox {
  readonly port: number
  /** The token in the newest mail to an address. */
  token(address: string): Promise<string>
  close(): Promise<void>
}

export async function openMailbox(): Promise<Mailbox> {
  const mails: { to: string; text: string }[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, done) {
      let text = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        text += chunk
      })
      stream.on('end', () => {
        for (const { address } of session.envelope.rcptTo) mails.push({ to: address, text })
        done()
      })
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  return {
    port: (server.server.address() as AddressInfo).port,
    token: (address) =>
      vi.waitFor(
        () => {
          const mail = mails.findLast(({ to }) => to === address)
          const found = /\?token=(?:3D)?([A-Za-z0-9._~-]+)/.exec(
            mail?.text.replaceAll(/=\r?\n/g, '') ?? '',
          )?.[1]
          if (!found) throw new Error(`no mail to ${address}`)
          return found
        },
        { timeout: 30_000, interval: 50 },
      ),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
