/** Starts the services of one process and stops them in the right order. */
import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { type Config, runsService } from '#core/platform/config.ts'
import { idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Log } from '#core/platform/log.ts'
import { ensureOperatorKey } from '#core/registry/accounts/credentials/ensure-operator-key.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { buildRegistry } from './build-registry.ts'
import { buildTeg } from './build-teg.ts'
import { type Databases, openDatabases } from './open-databases.ts'
import { type Loop, runLoop } from './run-loop.ts'
import { serveDocuments } from './serve-documents.ts'
import { VERSION } from './version.ts'

export interface Host {
  /** Ports by service. */
  readonly ports: Readonly<Record<string, number>>
  /** The operator key where this start has made one: shown once. */
  readonly newOperatorKey: string | null
  stop(): Promise<void>
}

const MAIL_EVERY_MS = 5000

/** Starts what HOST_SERVICES names. Resolves when every service answers. */
export async function startHost(config: Config, log: Log): Promise<Host> {
  let draining = false
  const databases: Databases = await openDatabases(config, log)
  const coordination: Coordination = openInProcess()
  const servers: Server[] = []
  const ports: Record<string, number> = {}
  const loops: Record<string, Loop> = {}
  let newOperatorKey: string | null = null
  const shared = { coordination, clock: systemClock, random: systemRandom, log }
  const newId = idMaker(systemClock, systemRandom)
  const observe = () => undefined
  const serviceToken = config.TEG_SERVICE_TOKEN ?? randomBytes(32).toString('base64url')
  let teg: Awaited<ReturnType<typeof buildTeg>> | null = null

  if (databases.teg) {
    const resources: Resources = { ...shared, db: databases.teg }
    teg = await buildTeg({ config, resources, serviceToken, observe, draining: () => draining })
    if (!runsService(config, 'registry')) {
      const server = toNode(teg.app, { newId })
      servers.push(server)
      ports.teg = await listen(server, config.TEG_PORT, config.BIND_ADDRESS)
    }
  }
  if (databases.registry) {
    const resources: Resources = { ...shared, db: databases.registry }
    const registry = await buildRegistry({
      config,
      resources,
      teg: connectTeg(config, serviceToken, teg, newId),
      wake: (what) => loops[what]?.wake(),
      observe,
      draining: () => draining,
    })
    newOperatorKey = await ensureOperatorKey(registry.resources)
    const run = (signal: AbortSignal) => sendDueMails(registry.resources, signal)
    loops.mail = runLoop({ name: 'mail', everyMs: MAIL_EVERY_MS, run, log })
    const app = serveDocuments(registry.app, () =>
      describeApi(registry.mounted, {
        title: 'Ninefold',
        version: VERSION,
        description: 'A self-hosted registry for AI agents with an economy.',
        serverUrl: config.PUBLIC_URL,
      }),
    )
    const server = toNode(app, { newId, trustedProxies: config.TRUSTED_PROXIES })
    servers.push(server)
    ports.registry = await listen(server, config.REGISTRY_PORT, config.BIND_ADDRESS)
  }

  return {
    ports,
    newOperatorKey,
    async stop() {
      draining = true
      const deadlineMs = config.STOP_GRACE_SECONDS * 1000 * 0.8
      await Promise.all(servers.map((server) => closeServer(server, deadlineMs)))
      await Promise.all(Object.values(loops).map((loop) => loop.stop()))
      await coordination.close()
      await databases.close()
    },
  }
}

function connectTeg(
  config: Config,
  token: string,
  local: Awaited<ReturnType<typeof buildTeg>> | null,
  newId: () => string,
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
