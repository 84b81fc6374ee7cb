/** Runs the EventStore of this process, and finds the way to the one that a registry tells its events to. */
import { randomBytes } from 'node:crypto'
import type { Server as HttpsServer } from 'node:https'
import { parseVerifier } from '#core/base/tlog/note.ts'
import type { EventStoreContext, EventStoreResources } from '#core/event-store/context.ts'
import { type Config, ConfigError, runsService } from '#core/platform/config.ts'
import { idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openIdentityFetch } from '#core/platform/identity-fetch.ts'
import type { Log } from '#core/platform/log.ts'
import { EVENT_STORE_PEER, openSidecar } from '#core/platform/open-sidecar.ts'
import type { Forwarding } from '#core/registry/forward/forward-events.ts'
import { type EventStoreClientOptions, openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import type { App } from '#core/runtime/compose-app.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { buildEventStore } from './build-event-store.ts'
import { openTls } from './serve-tls.ts'

interface StoreServer {
  readonly port: number
  drain(deadlineMs: number): Promise<void>
  stop(): Promise<void>
}

export interface LocalStore {
  readonly app: App
  readonly resources: EventStoreResources
  readonly token: string
  /** Its server, where no registry runs in this process. */
  readonly service: StoreServer | null
  /** Ends waiting readers and streams. */
  end(): Promise<void>
}

export interface EventStoreStart {
  readonly config: Config
  readonly resources: Resources
  readonly observe: CallPorts<EventStoreContext>['observe']
  readonly draining: () => boolean
}

/** Starts it. Beside a registry it has no port of its own: that registry serves it under /event-store/. */
export async function startEventStore(start: EventStoreStart): Promise<LocalStore> {
  const { config, resources: base, draining } = start
  const isOwn = !runsService(config, 'registry')
  const token = config.EVENT_STORE_SERVICE_TOKEN ?? randomBytes(32).toString('base64url')
  const { app, resources } = await buildEventStore({
    config,
    resources: base,
    serviceToken: token,
    observe: start.observe,
    // Inside the registry's process it takes that registry's events to the end.
    draining: isOwn ? draining : () => false,
  })
  const end = () => resources.heads.end()
  if (!isOwn) return { app, resources, token, service: null, end }
  const tls = config.EVENT_STORE_TLS_DIR
    ? openTls(config.EVENT_STORE_TLS_DIR, base.clock.now, base.log)
    : null
  const newId = idMaker(systemClock, systemRandom)
  const server = toNode(app, { newId, draining, ...(tls ? { tls: tls.options, peerOf: tls.peerOf } : {}) })
  const rest = tls?.keepFresh(server as HttpsServer)
  const port = await listen(server, config.EVENT_STORE_PORT, config.BIND_ADDRESS)
  const service: StoreServer = {
    port,
    async drain(deadlineMs) {
      await end()
      await closeServer(server, deadlineMs)
    },
    stop: async () => rest?.(),
  }
  return { app, resources, token, service, end }
}

/**
 * Where a registry tells its events: a remote EventStore, or the local one; null: nowhere.
 * @throws ConfigError for a verifier key that is none
 */
export function connectEventStore(config: Config, local: LocalStore | null, log: Log): Forwarding | null {
  if (!config.EVENT_STORE_ENABLED) return null
  if (!config.EVENT_STORE_URL) {
    if (local) return overLocal(local)
    log.warn({ task: 'forwarder' }, 'events are told to no EventStore; the journal keeps them')
    return null
  }
  const given = config.EVENT_STORE_VERIFIER_KEY
  const verifier = given === undefined ? null : parseVerifier(given)
  if (given !== undefined && !verifier)
    throw new ConfigError(['EVENT_STORE_VERIFIER_KEY: is no verifier key'])
  return { client: openEventStoreClient(remoteOptions(config)), verifier }
}

function overLocal(local: LocalStore): Forwarding {
  const client = openEventStoreClient({
    token: local.token,
    fetch: (request) => local.app.fetch(request, { address: '127.0.0.1' }),
  })
  return { client, verifier: local.resources.keys.log.verifier }
}

function remoteOptions(config: Config): EventStoreClientOptions {
  const { EVENT_STORE_IDENTITY_DIR: folder, EVENT_STORE_URL: baseUrl = '' } = config
  const token = config.EVENT_STORE_SERVICE_TOKEN ?? null
  const { FEDERATION_PROXY_URL: url, FEDERATION_PROXY_TOKEN: proxyToken } = config
  // The sidecar shows this registry's identity, and reaches what begins with https: only.
  if (folder === undefined && url && proxyToken && baseUrl.startsWith('https:'))
    return { token, baseUrl, fetch: openSidecar({ url, token: proxyToken }).fetchFor(EVENT_STORE_PEER) }
  if (folder === undefined) return { token, baseUrl, fetch: (request) => fetch(request) }
  return { token, baseUrl, fetch: openIdentityFetch(folder).fetch }
}
