/** Looks at the other side of a link, with and without the sidecar. */
import type { X509Certificate } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Sidecar } from '#core/platform/open-sidecar.ts'
import type { Seen } from './judge-link.ts'

const WAIT_MS = 5000

/** What anybody sees there. @param authorities of the trust domain that it should belong to */
export async function seeCertificate(
  url: string,
  authorities: readonly X509Certificate[] | null,
): Promise<Seen> {
  const { hostname: host, port: text } = new URL(url)
  const port = Number(text || '443')
  const refused = await tryTcp(host, port)
  if (refused) return { kind: 'unreachable', code: refused }
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, servername: host, rejectUnauthorized: false }, () => {
      const leaf = socket.getPeerX509Certificate()
      socket.destroy()
      if (!leaf) return resolve({ kind: 'no_tls', code: 'no_certificate' })
      resolve({
        kind: 'certificate',
        notBefore: leaf.validFromDate,
        notAfter: leaf.validToDate,
        isTrusted: authorities?.some((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey)) ?? null,
        isForHost: leaf.checkHost(host) !== undefined,
      })
    })
    socket.setTimeout(WAIT_MS, () => socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: 'no_tls', code: error.code ?? 'error' }),
    )
  })
}

const tryTcp = (host: string, port: number) =>
  new Promise<string | null>((resolve) => {
    const socket = connectTcp({ host, port }, () => {
      socket.destroy()
      resolve(null)
    })
    socket.setTimeout(WAIT_MS, () => socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
  })

/** What comes back through the sidecar; null where it does not answer itself. */
export async function askThrough(sidecar: Sidecar, peer: string, path: string): Promise<number | null> {
  try {
    const request = new Request(`https://peer${path}`, { signal: AbortSignal.timeout(WAIT_MS * 2) })
    return (await sidecar.fetchFor(peer)(request)).status
  } catch {
    return null
  }
}
