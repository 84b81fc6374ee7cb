/** TLS of a service under its own SPIFFE identity: the certificate of the moment, and callers by theirs. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { SecureContextOptions, Server, TLSSocket, TlsOptions } from 'node:tls'
import type { PeerCaller } from '#core/base/caller.ts'
import { parseSpiffeId } from '#core/base/spiffe-id.ts'
import type { Log } from '#core/platform/log.ts'
import { openVerifier } from '#core/platform/spiffe/open-verifier.ts'
import { readFacts } from '#core/platform/spiffe/read-certificate.ts'

export interface TlsIdentity {
  readonly options: SecureContextOptions & TlsOptions
  /** The workload of a connection; only those of the service's own trust domain. */
  readonly peerOf: (incoming: IncomingMessage) => PeerCaller | null
  /** Gives the server each new certificate, without a restart. @returns ends it */
  keepFresh(server: Server, everyMs?: number): () => void
}

const LOOK_MS = 2000

/**
 * Reads it from a folder as cert-writer keeps it.
 * @throws when there is no certificate yet
 */
export function openTls(folder: string, now: () => Date, log: Log): TlsIdentity {
  const read = () => ({
    cert: readFileSync(join(folder, 'current', 'svid.pem'), 'utf8'),
    key: readFileSync(join(folder, 'current', 'svid_key.pem'), 'utf8'),
  })
  let held = read()
  const verifier = openVerifier(folder, now)
  const own = () => {
    const uri = readFacts(new X509Certificate(held.cert))?.uris[0]
    return uri === undefined ? null : (parseSpiffeId(uri)?.trustDomain ?? null)
  }
  let domain = own()
  const peers = new WeakMap<object, PeerCaller | null>()
  return {
    // Who the other side is decides the verifier, by its own rules: a handshake without certificate may read what is public.
    options: { ...held, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
    peerOf(incoming) {
      const socket = incoming.socket as TLSSocket
      const known = peers.get(socket)
      if (known !== undefined) return known
      const certificate = socket.getPeerX509Certificate()
      const peer = certificate ? verifier.verify(certificate) : null
      const found = peer && peer.trustDomain === domain ? peer : null
      peers.set(socket, found)
      return found
    },
    keepFresh(server, everyMs = LOOK_MS) {
      const timer = setInterval(() => {
        try {
          const next = read()
          if (next.cert === held.cert) return
          server.setSecureContext(next)
          held = next
          domain = own()
          log.info({}, 'the certificate was changed')
        } catch (error) {
          log.warn({ error }, 'the new certificate cannot be used yet')
        }
      }, everyMs)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}
