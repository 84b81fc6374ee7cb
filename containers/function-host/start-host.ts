/** Starts the services of one process and stops them in the right order. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '#core/platform/config.ts'
import { idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Log } from '#core/platform/log.ts'
import { openMetrics } from '#core/platform/metrics.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { buildTeg } from './build-teg.ts'
import { openDatabases } from './open-databases.ts'
import { serveMetrics } from './serve-metrics.ts'
import { connectEventStore, startEventStore } from './start-event-store.ts'
import { type RunningService, startRegistry } from './start-registry.ts'

export interface Host {
  /** Ports by service. */
  readonly ports: Readonly<Record<string, number>>
  /** The operator key where this start has made one: shown once. */
  readonly newOperatorKey: string | null
  stop(): Promise<void>
}

const newId = idMaker(systemClock, systemRandom)
/** Share of the grace that requests at work may use; the rest is for background work and pools. */
const DRAIN_SHARE = 0.7
/** From the stop to the closing of the port: busy clients hear `Connection: close` and do not meet a cut connection. */
const NOTICE_MS = 250

/** Starts what HOST_SERVICES names. Resolves when every service answers. */
export async function startHost(config: Config, log: Log): Promise<Host> {
  let isDraining = false
  const draining = () => isDraining
  const metrics = openMetrics()
  const observe = metrics.observeRequest
  const coordination = await openCoordination(config, log)
  const databases = await openDatabases(config, log)
  const shared = { coordination, clock: systemClock, random: systemRandom, log }
  const token = config.TEG_SERVICE_TOKEN ?? randomBytes(32).toString('base64url')
  const services: Record<string, RunningService> = {}
  let newOperatorKey: string | null = null
  let localTeg: Awaited<ReturnType<typeof buildTeg>> | null = null

  const metricsServer =
    config.METRICS_PORT > 0 ? await serveMetrics(metrics, config.METRICS_PORT, config.BIND_ADDRESS) : null
  if (databases.teg) {
    const resources: Resources = { ...shared, db: databases.teg }
    // Inside the registry's process it serves that registry's requests at work to their end.
    const refusing = databases.registry ? () => false : draining
    localTeg = await buildTeg({ config, resources, serviceToken: token, observe, draining: refusing })
    if (!databases.registry) services.teg = await serveTeg(localTeg, config, draining)
  }
  const store = databases.eventStore
    ? await startEventStore({ config, resources: { ...shared, db: databases.eventStore }, observe, draining })
    : null
  if (store?.service) services['event-store'] = store.service
  if (databases.registry) {
    const resources: Resources = { ...shared, db: databases.registry }
    const teg = connectTeg(config, token, localTeg)
    const holder = `${hostname()}/${process.pid}`
    const events = { forwarding: connectEventStore(config, store, log), eventStore: store }
    const registry = await startRegistry({ config, resources, teg, metrics, draining, holder, ...events })
    newOperatorKey = registry.newOperatorKey
    services.registry = registry
  }
  const running = Object.values(services)
  return {
    ports: {
      ...Object.fromEntries(Object.entries(services).map(([name, service]) => [name, service.port])),
      ...(metricsServer ? { metrics: metricsServer.port } : {}),
    },
    newOperatorKey,
    async stop() {
      isDraining = true
      await new Promise((resolve) => setTimeout(resolve, NOTICE_MS))
      await Promise.all(
        running.map((service) => service.drain(config.STOP_GRACE_SECONDS * 1000 * DRAIN_SHARE)),
      )
      await Promise.all(running.map((service) => service.stop()))
      await metricsServer?.stop()
      await coordination.close()
      await databases.close()
    },
  }
}

async function openCoordination(config: Config, log: Log): Promise<Coordination> {
  if (!config.REDIS_URL) return openInProcess()
  const { openRedis } = await import('#core/platform/coordination/redis.ts')
  return openRedis({ url: config.REDIS_URL, workers: config.HOST_WORKERS, log })
}

async function serveTeg(
  teg: Awaited<ReturnType<typeof buildTeg>>,
  config: Config,
  draining: () => boolean,
): Promise<RunningService> {
  const server = toNode(teg.app, { newId, draining })
  const port = await listen(server, config.TEG_PORT, config.BIND_ADDRESS)
  return { port, drain: (deadlineMs) => closeServer(server, deadlineMs), stop: async () => undefined }
}

function connectTeg(
  config: Config,
  token: string,
  local: Awaited<ReturnType<typeof buildTeg>> | null,
): TegClient {
  if (config.TEG_URL)
    return openTegClient({ token, newId, fetch: (request) => fetch(request), baseUrl: config.TEG_URL })
  if (!local) throw new Error('The registry has neither TEG_URL nor a TEG in its process')
  return openTegClient({
    token,
    newId,
    fetch: (request) => local.app.fetch(request, { address: '127.0.0.1' }),
  })
}
