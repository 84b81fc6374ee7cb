/** Keeps the SPIFFE identity that the agent gives in a folder that nginx-federation and the registry read: cert-writer. */
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openLog } from '#core/platform/log.ts'
import { openMetrics } from '#core/platform/metrics.ts'
import { judgeEndpoint, openWorkloadApi } from '#core/platform/spiffe/workload-api.ts'
import { serveMetrics } from '#host/serve-metrics.ts'
import { keepIdentity } from './keep-identity.ts'
import { serveHealth } from './serve-health.ts'

const LOOK_MS = 5000
const port = z.coerce.number().int().min(0).max(65535)

const Settings = z.object({
  SPIFFE_ENDPOINT_SOCKET: z
    .string({ error: 'is required: unix:///run/spire/sockets/agent.sock' })
    .refine(
      (text) => judgeEndpoint(text) === null,
      'must be unix:///<absolute path> or tcp://<address>:<port>',
    ),
  IDENTITY_DIR: z.string({ error: 'is required: the folder to write to' }).min(1),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  CERT_WRITER_PORT: port.default(8082),
  METRICS_PORT: port.default(9464),
})

async function main(): Promise<void> {
  const parsed = Settings.safeParse(process.env)
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `  - ${path.join('.')}: ${message}`)
    throw new Error(`The configuration has ${faults.length} fault(s):\n${faults.join('\n')}`)
  }
  const settings = parsed.data
  const log = openLog({ level: settings.LOG_LEVEL }).with({ service: 'cert-writer' })
  const metrics = openMetrics()
  const countWrite = metrics.counter('identity_writes_total', 'Versions of the identity written.', ['why'])
  const countRefusal = metrics.counter('svid_refusals_total', 'Messages that were refused.', ['fault'])
  const api = openWorkloadApi(settings.SPIFFE_ENDPOINT_SOCKET)
  const { now } = systemClock
  const keeper = await keepIdentity({
    folder: settings.IDENTITY_DIR,
    api,
    now,
    wait: (milliseconds, signal) => pause(milliseconds, undefined, { signal }).catch(() => undefined),
    random: systemRandom,
    log,
    onWrite: (why) => countWrite(1, { why }),
    onRefusal: (fault) => countRefusal(1, { fault }),
  })
  const seconds = (pick: (from: number, until: number, at: number) => number) => () => {
    const { not_before: from, not_after: until } = keeper.status()
    return from && until ? pick(Date.parse(from), Date.parse(until), now().getTime()) / 1000 : null
  }
  metrics.gauge(
    'svid_age_seconds',
    'Since the beginning of the SVID.',
    seconds((from, _until, at) => at - from),
  )
  metrics.gauge(
    'svid_left_seconds',
    'Until the end of the SVID.',
    seconds((_from, until, at) => until - at),
  )
  metrics.gauge(
    'svid_rotation_due_seconds',
    'Until half of the life of the SVID, when the agent changes it.',
    seconds((from, until, at) => (from + until) / 2 - at),
  )
  metrics.gauge('workload_api_connected', '1 while the agent streams identities.', () =>
    keeper.status().workload_api === 'connected' ? 1 : 0,
  )
  const health = await serveHealth(keeper.status, settings.CERT_WRITER_PORT)
  const metricsServer =
    settings.METRICS_PORT > 0 ? await serveMetrics(metrics, settings.METRICS_PORT, '0.0.0.0') : null
  log.info({ port: health.port }, 'listening')
  const looks = setInterval(() => void keeper.look(), LOOK_MS)
  const stop = async () => {
    clearInterval(looks)
    await keeper.close()
    api.close()
    await Promise.all([health.stop(), metricsServer?.stop()])
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
}

main().catch((error) => {
  process.stderr.write(`cert-writer could not start: ${(error as Error).message}\n`)
  process.exit(1)
})
