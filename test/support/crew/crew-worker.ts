/** A small worker for tests: one route that tells its process id, counted in metrics; it obeys the file of orders. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { openMetrics } from '#core/platform/metrics.ts'
import { joinPrimary } from '#host/workers/join-primary.ts'

/** What a worker does, read once, when it starts. */
export interface Orders {
  /** `exit`: ends with 3 before it is ready; `kill`: by a signal; `hang`: is never ready; `crash`: ends once it was ready. */
  start?: 'exit' | 'kill' | 'hang' | 'crash'
  /** `ignore`: does not end on SIGTERM. */
  stop?: 'ignore'
  /** What the look at the configuration finds. */
  config?: 'faulty'
}

const orders: Orders = JSON.parse(readFileSync(process.env.CREW_ORDERS ?? '', 'utf8'))
if (orders.start === 'exit') {
  process.stderr.write('the worker says why\n')
  process.exit(3)
}
if (orders.start === 'kill') process.kill(process.pid, 'SIGKILL')
if (orders.start === 'hang') await new Promise((resolve) => setTimeout(resolve, 600_000))

const metrics = openMetrics()
metrics.gauge('crew_open', 'A figure of each worker to be added.', () => 2, {}, 'sum')
metrics.gauge('crew_backlog', 'A figure that all workers read alike.', () => 7)
let draining = false
const server = createServer(async (request, reply) => {
  // Requests overlap, as they do in a real worker.
  await wait(2)
  if (request.url === '/freeze') process.kill(process.pid, 'SIGSTOP')
  metrics.observeRequest({ tag: 'crew', method: 'get', route: '/', status: 200, seconds: 0.002 })
  reply.writeHead(200, draining ? { connection: 'close' } : {}).end(String(process.pid))
})
await new Promise<void>((resolve) => server.listen(Number(process.env.CREW_PORT), '127.0.0.1', resolve))

const stop = async () => {
  if (orders.stop === 'ignore' || draining) return
  draining = true
  await wait(200)
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(sweep)
  await membership.farewell()
  process.exit(0)
}
const membership = joinPrimary(metrics, () => void stop())
process.on('SIGTERM', () => void stop())
membership.ready()
if (orders.start === 'crash') setTimeout(() => process.exit(4), 20)
