/** The HTTP client for another service of the same stack: few kept connections, a quick verdict when nobody is there. */
import { Pool } from 'undici'
import { refuseInsideTransaction } from './database/scope.ts'

export { wasUnsent } from './was-unsent.ts'

export interface InnerRequest {
  readonly method: 'GET' | 'POST'
  /** With its query, under the service's address. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Over a connection of its own: a question that must not wait behind others. */
  readonly apart?: boolean
  /** The only bound on the time of an answer. */
  readonly signal: AbortSignal
}
export interface InnerReply {
  readonly status: number
  readonly text: string
}

export interface InnerHttp {
  /** @throws the connection's error (see wasUnsent), or the signal's reason */
  send(request: InnerRequest): Promise<InnerReply>
  close(): Promise<void>
}

const CONNECTIONS_MAX = 16
/** In a stack a connection takes a millisecond; a host that has vanished must not take a caller's whole time. */
const CONNECT_MS = 1_000
/** Below the time after which our own servers close an idle connection. */
const KEPT_MS = 30_000

/** Opens it; the first connection is made by the first request. */
export function openInnerHttp(baseUrl: string): InnerHttp {
  const { origin, pathname } = new URL(baseUrl)
  const prefix = pathname.replace(/\/$/, '')
  const open = (connections: number) =>
    new Pool(origin, {
      connections,
      pipelining: 1,
      connect: { timeout: CONNECT_MS },
      keepAliveTimeout: KEPT_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  const pool = open(CONNECTIONS_MAX)
  const aside = open(1)
  return {
    async send({ method, path, headers, body, signal, apart = false }) {
      refuseInsideTransaction('A call to another service')
      const reply = await (apart ? aside : pool).request({
        method,
        path: prefix + path,
        headers,
        body: body ?? null,
        signal,
      })
      return { status: reply.statusCode, text: await reply.body.text() }
    },
    close: async () => {
      await Promise.all([pool.destroy(), aside.destroy()])
    },
  }
}
