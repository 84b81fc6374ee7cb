/** The registry on every host, each before a database of its own with the same world in it, and a TEG on that database. */
import { randomBytes } from 'node:crypto'
import { lambdaDoor } from '#core/faas/on-lambda.ts'
import { composeRegistry, openRegistry } from '#core/faas/open-registry.ts'
import { readFaasConfig } from '#core/faas/read-faas-config.ts'
import { openPostgresCoordination } from '#core/platform/coordination/postgres.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { loadDoors } from '#core/runtime/compose-app.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { registryDoors } from '#functions/index.ts'
import { serveBridge } from '#host/bridge/serve-bridge.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { buildTeg } from '#host/build-teg.ts'
import { serverUrl } from '#test/support/services.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { bundleText } from '../../stacks/bundle.ts'
import type { Part } from '../../stacks/choose-parts.ts'
import { taskLines } from '../../stacks/list-entries.ts'
import { chooseRoute, listRoutes } from '../../stacks/list-routes.ts'
import { openCounted, openFixed } from './fixed.ts'
import { direct, type Host, node, overHandler, worker } from './hosts.ts'

export const server = serverUrl('TEST_DATABASE_URL')
const SERVICE_TOKEN = 'service-token-of-the-table-0123456789'
const BRIDGE_TOKEN = 'bridge-token-of-the-table-0123456789'

const cleanups: (() => Promise<unknown>)[] = []
const inDatabase = (name: string) => {
  const url = new URL(server as string)
  url.pathname = `/${name}`
  return url.href
}
const made: string[] = []
async function cloneOf(template: string): Promise<string> {
  const name = `alike_${randomBytes(6).toString('hex')}`
  const admin = openPg({ url: server as string, max: 1 })
  await admin.query(`create database ${name} template ${template}`)
  await admin.close()
  made.push(name)
  return inDatabase(name)
}

/** What every host stands before: a database of its own with the same world in it, and a TEG on it. */
export async function openStage(template: string) {
  const url = await cloneOf(template)
  const fixed = openFixed()
  const variables = {
    DATABASE_URL: url,
    TEG_DATABASE_URL: url,
    TEG_URL: '',
    TEG_SERVICE_TOKEN: SERVICE_TOKEN,
    OPERATOR_API_KEY: OPERATOR_KEY,
    PUBLIC_URL: 'http://127.0.0.1:8000',
    SMTP_URL: 'smtp://127.0.0.1:9',
    RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    LOG_LEVEL: 'error',
  }
  const platform = (source: Record<string, string>) => ({
    source,
    write: () => undefined,
    background: () => undefined,
    connections: 1,
  })
  const db = openPg({ url, max: 4 })
  const base = { db, clock: fixed.clock, random: openCounted(), log: silentLog }
  const teg = await buildTeg({
    config: readFaasConfig(platform(variables), 'teg'),
    resources: { ...base, coordination: openPostgresCoordination(base) },
    serviceToken: SERVICE_TOKEN,
    observe: () => undefined,
    draining: () => false,
  })
  const tegServer = toNode(teg.app, { newId: () => 'id' })
  const env = { ...variables, TEG_URL: `http://127.0.0.1:${await listen(tegServer, 0, '127.0.0.1')}` }
  cleanups.push(
    () => db.close(),
    () => closeServer(tegServer, 500),
  )
  /** The registry as the function host builds it. */
  const build = async () => {
    const own = openFixed()
    const pool = openPg({ url, max: 4 })
    cleanups.push(() => pool.close())
    const resources = { db: pool, clock: own.clock, random: own.random, log: silentLog }
    const built = await buildRegistry({
      config: readFaasConfig(platform(env), 'registry'),
      resources: { ...resources, coordination: openPostgresCoordination(resources) },
      teg: openTegClient({
        token: SERVICE_TOKEN,
        newId: () => 'id',
        baseUrl: env.TEG_URL,
        fetch: (asked) => fetch(asked),
      }),
      wake: () => undefined,
      observe: () => undefined,
      draining: () => false,
    })
    return { app: built.app, fixed: own }
  }
  return { env, url, build }
}
export type Stage = Awaited<ReturnType<typeof openStage>>

/** A host of the table: `seed` begins the randomness of one request wherever it is made. */
export interface Alike extends Host {
  seed(number: number): void
  /** Address of its sockets; absent: it has none of its own. */
  readonly url?: string
}

export const openers: Record<string, (stage: Stage) => Promise<Alike>> = {
  app: async ({ build }) => {
    const { app, fixed } = await build()
    return { ...direct(app), seed: fixed.seed }
  },
  'node-server': async ({ build }) => {
    const { app, fixed } = await build()
    return { ...(await node(app)), seed: fixed.seed }
  },
  'lambda behind payload 1.0': (stage) => perDoor(stage, 'v1'),
  'lambda behind payload 2.0': (stage) => perDoor(stage, 'v2'),
  'workerd over sockets': (stage) => onWorkerd(stage, { DATABASE_DRIVER: 'pg' }, ['pg', 'outbound']),
  'workerd over the bridge': async (stage) => {
    const bridge = await serveBridge({
      target: new URL(stage.url).host,
      token: BRIDGE_TOKEN,
      connections: 50,
      port: 0,
      address: '127.0.0.1',
      log: silentLog,
      newId: () => 'id',
    })
    cleanups.push(() => bridge.stop())
    const way = { NEON_BRIDGE_URL: `http://127.0.0.1:${bridge.port}`, NEON_BRIDGE_TOKEN: BRIDGE_TOKEN }
    return onWorkerd(stage, { DATABASE_DRIVER: 'neon', ...way }, ['neon', 'outbound'])
  },
}

/** One function for each door, and the gateway's routes before them. */
async function perDoor({ env }: Stage, shape: 'v1' | 'v2'): Promise<Alike> {
  const routes = await listRoutes()
  const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
  const names = [...new Set(routes.map(({ entry }) => entry))].filter((name) => name !== 'registry-pages')
  const fixed = openFixed()
  const host = { env, stdout: { write: () => true } }
  const handlers = new Map(
    names.map((name, at) => [
      name,
      overHandler(
        lambdaDoor(
          async (platform) => {
            const opened = await openRegistry({ ...platform, ...fixed }, taskLines())
            cleanups.push(() => opened.close())
            return opened
          },
          (opened) => {
            const app = composeRegistry(opened, mounted[at] as (typeof mounted)[number])
            // An instance that begins with this request has drawn on it.
            fixed.seed(seed)
            return app
          },
          host,
        ),
        shape,
      ),
    ]),
  )
  let seed = 0
  return {
    async send(request, address) {
      const name = chooseRoute(routes, request.path.split('?', 1)[0] ?? '')
      const door = handlers.get(name)
      if (!door) throw new Error(`${request.path} went to ${name}`)
      return door.send(request, address)
    },
    seed(number) {
      seed = number
      fixed.seed(number)
    },
    close: async () => undefined,
  }
}

async function onWorkerd(
  { env }: Stage,
  more: Record<string, string>,
  parts: readonly Part[],
): Promise<Alike> {
  const { files } = await bundleText(
    "export { default } from './test/runtimes/registry-worker.ts'\n",
    'worker',
    parts,
  )
  const host = await worker(files['index.js'] ?? '', { ...env, ...more })
  cleanups.push(() => host.close())
  let seed = 0
  return {
    url: `http://${(await host.miniflare.ready).host}`,
    send: (request, address) =>
      host.send({ ...request, headers: { ...request.headers, 'x-table-seed': String(seed) } }, address),
    seed(number) {
      seed = number
    },
    close: async () => undefined,
  }
}

/** Ends what was opened, and removes the databases. */
export async function closeStages(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  const admin = openPg({ url: server as string, max: 1 })
  for (const name of made.splice(0)) await admin.query(`drop database if exists ${name} with (force)`)
  await admin.close()
}
