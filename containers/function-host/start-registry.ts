/** Runs the registry in this process: start-up checks, application, live stream, background work, one server. */
import type { Server } from 'node:http'
import { backgroundCall } from '#core/platform/background-call.ts'
import { type BackgroundLoop, startLoop } from '#core/platform/background-loop.ts'
import type { Config } from '#core/platform/config.ts'
import { idMaker, type Resources } from '#core/platform/context.ts'
import type { Metrics } from '#core/platform/metrics.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { openVerifier } from '#core/platform/spiffe/open-verifier.ts'
import { keepLeases } from '#core/platform/tasks/keep-leases.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import { ensureOperatorKey } from '#core/registry/accounts/credentials/ensure-operator-key.ts'
import { checkPublicUrl } from '#core/registry/agents/check-public-url.ts'
import { refreshOrigins } from '#core/registry/agents/refresh-origins.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import type { Forwarding } from '#core/registry/forward/forward-events.ts'
import { startForwarder } from '#core/registry/forward/start-forwarder.ts'
import { sweepGrants } from '#core/registry/grants/sweep-grants.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { taskFailed } from '#core/registry/tasks/events.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { readBacklog } from '#core/registry/webhooks/tidy-webhooks.ts'
import type { App } from '#core/runtime/compose-app.ts'
import { fallBackLease } from '#core/runtime/leases/fall-back-lease.ts'
import { type LeaseSettings, type LeaseStore, leaseSettingsOf } from '#core/runtime/leases/hold-lease.ts'
import { systemTime } from '#core/runtime/leases/time.ts'
import { startSchedules } from '#core/runtime/run-schedules.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { timetable } from '#schedules/index.ts'
import { buildRegistry } from './build-registry.ts'
import { refuseMinted } from './refuse-minted.ts'
import { type Events, runEvents } from './run-events.ts'
import { openIsolation } from './run-isolated.ts'
import { buildFederation, type FederationServer } from './serve-federation.ts'
import { serveLog } from './serve-log.ts'
import type { LocalStore } from './start-event-store.ts'
import { tellReadiness } from './tell-readiness.ts'
import { writePeers } from './write-peers.ts'

export interface RunningService {
  readonly port: number
  /** No new connections, streams told to come again; resolves when the last request is answered. */
  drain(deadlineMs: number): Promise<void>
  /** Ends background work. */
  stop(): Promise<void>
}

export interface RegistryStart {
  readonly config: Config
  readonly resources: Resources
  readonly teg: TegClient
  /** Where its events are told; null: nowhere. */
  readonly forwarding: Forwarding | null
  /** The EventStore of this process: its log is served beside the API. */
  readonly eventStore: LocalStore | null
  readonly metrics: Metrics
  /** True once this process stops: answers end their connections. */
  readonly draining: () => boolean
  /** True once the whole host stops: readyz says so. */
  readonly going: () => boolean
  /** Name of this process in the history of tasks. */
  readonly holder: string
}

const IDLE_MS = 30_000
const BUSY_MS = 100

/** Starts it. @returns also the operator key where this start has made one */
export async function startRegistry(
  start: RegistryStart,
): Promise<RunningService & { newOperatorKey: string | null }> {
  const { config, resources: base } = start
  const newId = idMaker(base.clock, base.random)
  const loops: Partial<Record<'mail' | 'grants', BackgroundLoop>> = {}
  let events: Events | null = null
  const wake: RegistryResources['wake'] = (what) => {
    if (what === 'relay') events?.wake()
    else if (what === 'webhooks') events?.deliver()
    else loops[what]?.wake()
  }
  const built = await buildRegistry({
    ...start,
    eventStore: start.forwarding?.client ?? null,
    observe: start.metrics.observeRequest,
    // A stop refuses nothing that has reached the server: a request that came is answered.
    draining: () => false,
    wake,
  })
  const { resources } = built
  await checkPublicUrl(resources)
  const stopAsking = await refuseMinted(resources, {
    newId,
    end: () => process.kill(process.pid, 'SIGTERM'),
  })

  const app = tellReadiness(serveLog(built.app, start.eventStore?.app), { going: start.going, newId })
  const server: Server = toNode(app, {
    newId,
    trustedProxies: config.TRUSTED_PROXIES,
    draining: start.draining,
  })
  const federation = openFederation(start, app, newId)
  events = await runEvents(resources, [{ upgrades: server }, ...(federation ? [federation] : [])])
  const peers = writePeers(config, base.log, base.db)
  const forwarder = start.forwarding && (await startForwarder(resources, start.forwarding, start.metrics))
  const open = (name: string, signal: AbortSignal): RegistryContext => ({
    ...resources,
    ...backgroundCall(resources, name, signal),
  })
  Object.assign(loops, startHints(resources, open))
  const lease = leaseSettingsOf(config.TASK_LEASE_MS)
  const isolation = openIsolation({ config, db: base.db, wake })
  const schedules = startSchedules<RegistryContext>({
    service: 'registry',
    timetable,
    resources: base,
    contextOf: (context) => ({ ...resources, ...context }),
    runs: keepRuns(base, 'registry', lease.giveUpMs, (tx, run) =>
      emitEvent(tx, { newId, time: base.clock.fixed }, taskFailed(run)),
    ),
    leases: leasesOf(base, lease),
    holder: start.holder,
    ...(isolation ? { isolated: isolation.run } : {}),
    observe: start.metrics.observeTask,
    note: start.metrics.noteTask,
    settings: lease,
  })
  start.metrics.gauge(
    'webhook_backlog',
    'Deliveries that wait for their endpoint.',
    () => readBacklog(resources),
    {},
    'max',
  )
  start.metrics.gauge(
    'relay_halted',
    "1 while the TEG's outbox contradicts the journal.",
    () => (events?.halted() ? 1 : 0),
    {},
    'max',
  )
  start.metrics.gauge('websocket_clients', 'WebSockets held now.', () => events?.sockets() ?? 0, {}, 'sum')
  const port = await listen(server, config.REGISTRY_PORT, config.BIND_ADDRESS)
  if (federation) await listen(federation.server, config.FEDERATION_INTERNAL_PORT, config.BIND_ADDRESS)
  // When nothing else can fail any more: a key that was made and not shown would be lost.
  const newOperatorKey = await ensureOperatorKey(resources)
  const starting = new AbortController()
  const prepared = prepare(open('start', starting.signal))
  return {
    port,
    newOperatorKey,
    async drain(deadlineMs) {
      // First no new connection: a client that is told to come again must not come to this process.
      const closed = [server, ...(federation ? [federation.server] : [])].map((one) =>
        closeServer(one, deadlineMs),
      )
      await start.eventStore?.end()
      await events?.drain()
      await Promise.all(closed)
    },
    async stop() {
      peers?.stop()
      await stopAsking()
      starting.abort(new Error('The host is stopping'))
      await schedules.stop()
      await isolation?.close()
      await Promise.all(Object.values(loops).map((loop) => loop.stop()))
      await forwarder?.stop()
      await events?.stop()
      await prepared
    },
  }
}

/** The port of nginx-federation, where the configuration has its token. Without an identity nobody is a peer there. */
function openFederation(start: RegistryStart, app: App, newId: () => string): FederationServer | null {
  const { FEDERATION_PROXY_TOKEN: token, IDENTITY_DIR: folder } = start.config
  if (token === undefined) return null
  const verifier = folder === undefined ? null : openVerifier(folder, start.resources.clock.now)
  return buildFederation({ app, token, verifier, newId, draining: start.draining })
}

/** Leases in Redis with the database behind; without Redis in the database, because other workers may share that. */
function leasesOf(base: Resources, settings: LeaseSettings): LeaseStore {
  if (base.coordination.kind === 'redis')
    return fallBackLease(base.coordination, keepLeases(base), systemTime, settings)
  return base.db.kind === 'pg' ? keepLeases(base) : base.coordination
}

/** Loops that a hint wakes, so that a mail or a grant does not wait for its task's minute. */
function startHints(
  resources: RegistryResources,
  open: (name: string, signal: AbortSignal) => RegistryContext,
): Record<'mail' | 'grants', BackgroundLoop> {
  const { log } = resources
  const mail = async (signal: AbortSignal) => {
    await sendDueMails(resources, signal)
    return false
  }
  const grants = async (signal: AbortSignal) => {
    await sweepGrants(open('grants', signal))
    return false
  }
  return {
    mail: startLoop({ name: 'mail', log, turn: mail, busyMs: BUSY_MS, idleMs: IDLE_MS }),
    grants: startLoop({ name: 'grants', log, turn: grants, busyMs: BUSY_MS, idleMs: IDLE_MS }),
  }
}

/** What every start makes sure of; it needs the TEG, which may come up later: tasks repeat what failed. */
async function prepare(ctx: RegistryContext): Promise<void> {
  for (const step of [postFees, refreshOrigins])
    await step(ctx).catch((error) => {
      if (!ctx.signal.aborted)
        ctx.log.warn({ task: 'start', error, hint: step.name }, 'a start-up step failed')
    })
}
