/** Serves /metrics on a port of its own, which is never published. */
import { createServer } from 'node:http'
import type { Metrics } from '#core/platform/metrics.ts'
import { closeServer, listen } from '#core/runtime/to-node.ts'

const CLOSE_MS = 1000

/** Starts it. @returns the port and a function that ends it */
export async function serveMetrics(
  metrics: Pick<Metrics, 'contentType' | 'metricsText'>,
  port: number,
  address: string,
): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((request, reply) => {
    if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/metrics') {
      reply.writeHead(404).end()
      return
    }
    metrics.metricsText().then(
      (text) => reply.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => reply.writeHead(500).end(),
    )
  })
  return { port: await listen(server, port, address), stop: () => closeServer(server, CLOSE_MS) }
}
