/** Answers probes of cert-writer: it is healthy while its process runs; whether it has an identity is told beside. */
import { createServer } from 'node:http'
import { closeServer, listen } from '#core/runtime/to-node.ts'
import type { IdentityStatus } from './keep-identity.ts'

const CLOSE_MS = 500

/** Serves /livez on the loopback address. @returns the port and a function that ends it */
export async function serveHealth(
  status: () => IdentityStatus,
  port: number,
): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((request, reply) => {
    const known = request.method === 'GET' && request.url === '/livez'
    const body = known ? { status: 'alive', ...status() } : { status: 'not_found' }
    reply.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  return { port: await listen(server, port, '127.0.0.1'), stop: () => closeServer(server, CLOSE_MS) }
}
