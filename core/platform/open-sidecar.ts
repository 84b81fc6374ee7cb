/** The way out under this registry's identity: requests to peers and the EventStore through the inner port of the sidecar. */
import { Pool } from 'undici'
import { refuseInsideTransaction } from './database/scope.ts'

/** The name under which the sidecar knows the EventStore. */
export const EVENT_STORE_PEER = 'event-store'
/** What the sidecar tells its destinations apart by. */
export const hostOfPeer = (name: string): string => `${name}.peers.internal`

export interface Sidecar {
  /** A fetch function to one destination: of an address only path and query count. */
  fetchFor(peer: string): (request: Request) => Promise<Response>
  close(): Promise<void>
}

export interface SidecarOptions {
  readonly url: string
  readonly token: string
}

const CONNECTIONS_MAX = 8
const CONNECT_MS = 2000
/** Below the time after which nginx closes an idle connection. */
const KEPT_MS = 30_000
const HEADERS_MS = 65_000
const REPLY_BYTES_MAX = 16 * 1024 * 1024

/** Opens it; the first connection is made by the first request. */
export function openSidecar({ url, token }: SidecarOptions): Sidecar {
  const pool = new Pool(new URL(url).origin, {
    connections: CONNECTIONS_MAX,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: KEPT_MS,
    headersTimeout: HEADERS_MS,
    bodyTimeout: HEADERS_MS,
  })
  return {
    fetchFor: (peer) => async (request) => {
      refuseInsideTransaction('A request to another host')
      const { pathname, search } = new URL(request.url)
      const headers: Record<string, string> = {
        ...Object.fromEntries(request.headers),
        host: hostOfPeer(peer),
        'x-federation-token': token,
      }
      const body = request.method === 'GET' ? null : await request.text()
      const reply = await pool.request({
        method: request.method as 'GET' | 'POST',
        path: pathname + search,
        headers,
        body,
        signal: request.signal,
      })
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
        size += chunk.length
        if (size > REPLY_BYTES_MAX) throw new Error('the answer of the other side is too long')
        chunks.push(chunk)
      }
      return new Response(size > 0 ? Buffer.concat(chunks) : null, { status: reply.statusCode })
    },
    close: () => pool.destroy(),
  }
}
