/** Starts the services of one process and stops them in the right order. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '#core/platform/config.ts'
import { idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { type InnerHttp, openInnerHttp } from '#core/platform/inner-http.ts'
import type { Log } from '#core/platform/log.ts'
import { type Metrics, openMetrics } from '#core/platform/metrics.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { bridgeOf, serveBridge } from './bridge/serve-bridge.ts'
import { buildTeg } from './build-teg.ts'
import { openCoordination } from './open-coordination.ts'
import { openDatabases } from './open-databases.ts'
import { serveMetrics } from './serve-metrics.ts'
import { connectEventStore, startEventStore } from './start-event-store.ts'
import { type RunningService, startRegistry } from './start-registry.ts'
import { tellReadiness } from './tell-readiness.ts'

export interface Host {
  /** Ports by service. */
  readonly ports: Readonly<Record<string, number>>
  /** The operator key where this start has made one: shown once. */
  readonly newOperatorKey: string | null
  readonly metrics: Metrics
  /** @param isReplaced another worker has taken the place: readyz does not tell of it */
  stop(isReplaced?: boolean): Promise<void>
}

const newId = idMaker(systemClock, systemRandom)
/** Share of the grace that requests at work may use; the rest is for background work and pools. */
const DRAIN_SHARE = 0.7
/** Share of the grace that the notice may use at most. */
const NOTICE_SHARE = 0.25

/** Starts what HOST_SERVICES names. Resolves when every service answers. */
export async function startHost(config: Config, log: Log): Promise<Host> {
  let isDraining = false
  let isGoing = false
  const draining = () => isDraining
  const going = () => isGoing
  const metrics = openMetrics()
  const observe = metrics.observeRequest
  const coordination = await openCoordination(config, log, () =>
    metrics.counter('coordination_fallbacks_total', 'Calls to Redis that were answered without it.'),
  )
  const databases = await openDatabases(config, log)
  const shared = { coordination, clock: systemClock, random: systemRandom, log }
  const token = config.TEG_SERVICE_TOKEN ?? randomBytes(32).toString('base64url')
  const services: Record<string, RunningService> = {}
  let newOperatorKey: string | null = null
  let localTeg: Awaited<ReturnType<typeof buildTeg>> | null = null
  const http = databases.registry && config.TEG_URL ? openInnerHttp(config.TEG_URL) : null

  const metricsServer =
    config.METRICS_PORT > 0 ? await serveMetrics(metrics, config.METRICS_PORT, config.BIND_ADDRESS) : null
  if (databases.teg) {
    const resources: Resources = { ...shared, db: databases.teg }
    localTeg = await buildTeg({ config, resources, serviceToken: token, observe, draining: neverRefuse })
    if (!databases.registry) services.teg = await serveTeg(localTeg, config, draining, going)
  }
  const store = databases.eventStore
    ? await startEventStore({ config, resources: { ...shared, db: databases.eventStore }, observe, draining })
    : null
  if (store?.service) services['event-store'] = store.service
  if (databases.registry) {
    const resources: Resources = { ...shared, db: databases.registry }
    const teg = connectTeg(http, token, localTeg)
    const holder = `${hostname()}/${process.pid}`
    const events = { forwarding: connectEventStore(config, store, log), eventStore: store }
    const registry = await startRegistry({
      config,
      resources,
      teg,
      metrics,
      draining,
      going,
      holder,
      ...events,
    })
    newOperatorKey = registry.newOperatorKey
    services.registry = registry
  }
  const wanted = bridgeOf(config)
  const bridge = wanted && (await serveBridge({ ...wanted, address: config.BIND_ADDRESS, log, newId }))
  const running = Object.values(services)
  return {
    ports: {
      ...Object.fromEntries(Object.entries(services).map(([name, service]) => [name, service.port])),
      ...(metricsServer ? { metrics: metricsServer.port } : {}),
      ...(bridge ? { 'neon-bridge': bridge.port } : {}),
    },
    newOperatorKey,
    metrics,
    async stop(isReplaced = false) {
      // From here readyz says 503 and answers end their connections; everything is served on. A client that is busy
      // hears `Connection: close` and does not meet a cut connection.
      isDraining = true
      isGoing = !isReplaced
      const graceMs = config.STOP_GRACE_SECONDS * 1000
      const noticeMs = Math.min(config.STOP_NOTICE_SECONDS * 1000, graceMs * NOTICE_SHARE)
      await new Promise((resolve) => setTimeout(resolve, noticeMs))
      await Promise.all(running.map((service) => service.drain(graceMs * DRAIN_SHARE - noticeMs)))
      await Promise.all(running.map((service) => service.stop()))
      await bridge?.stop()
      await metricsServer?.stop()
      await http?.close()
      await coordination.close()
      await databases.close()
    },
  }
}

/** A stop refuses nothing that has reached the server: a request that came is answered. */
const neverRefuse = () => false

async function serveTeg(
  teg: Awaited<ReturnType<typeof buildTeg>>,
  config: Config,
  draining: () => boolean,
  going: () => boolean,
): Promise<RunningService> {
  const server = toNode(tellReadiness(teg.app, { going, newId }), { newId, draining })
  const port = await listen(server, config.TEG_PORT, config.BIND_ADDRESS)
  return { port, drain: (deadlineMs) => closeServer(server, deadlineMs), stop: async () => undefined }
}

function connectTeg(
  http: InnerHttp | null,
  token: string,
  local: Awaited<ReturnType<typeof buildTeg>> | null,
): TegClient {
  if (http) return openTegClient({ token, newId, http })
  if (!local) throw new Error('The registry has neither TEG_URL nor a TEG in its process')
  return openTegClient({
    token,
    newId,
    fetch: (request) => local.app.fetch(request, { address: '127.0.0.1' }),
  })
}
