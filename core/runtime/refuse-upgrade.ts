/** Answers an upgrade request that is refused: a plain HTTP problem before any WebSocket exists. */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Problem } from '#core/base/errors.ts'
import { problemBody } from './reply-problem.ts'

/** Writes the problem and ends the connection. */
export function refuseUpgrade(
  socket: Duplex,
  problem: Problem,
  requestId: string,
  path: string,
  headers: Record<string, string>,
): void {
  if (socket.destroyed) return
  const body = JSON.stringify(problemBody(problem, requestId, path))
  const lines = Object.entries({
    ...headers,
    ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...problem.headers,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-request-id': requestId,
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  // A client that never closes its side must not hold the connection.
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`,
  )
}
