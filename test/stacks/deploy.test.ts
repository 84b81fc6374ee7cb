import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { registryDoors } from '#functions/index.ts'
import { reactions } from '#functions/reactors/index.ts'
import { timetable } from '#schedules/index.ts'
import { bundleEntry, folderOf, partsWith } from '../../stacks/bundle.ts'
import { listEntries } from '../../stacks/list-entries.ts'
import { chooseRoute, listRoutes } from '../../stacks/list-routes.ts'
import { makeManifest } from '../../stacks/make-manifest.ts'
import type { Manifest } from '../../stacks/manifest.ts'

/** What a stack has constructed, in the place of SST. */
interface Made {
  readonly kind: string
  readonly name: string
  readonly args: Record<string, unknown>
}

/** Puts recording classes where SST puts its own. @returns what is made from now on */
function record(stage: string): { made: Made[]; routes: [string, string][] } {
  const made: Made[] = []
  const routes: [string, string][] = []
  const recorder = (kind: string) =>
    class {
      readonly arn: string
      readonly url = 'https://api.example'
      readonly value = 'secret'
      readonly name: string
      constructor(name: string, args: Record<string, unknown> = {}) {
        this.name = name
        this.arn = `arn:${kind}:${name}`
        made.push({ kind, name, args })
      }
      static get(name: string, id: string) {
        made.push({ kind: `${kind}.get`, name, args: { id } })
        return { name, id }
      }
      route(path: string, arn: string) {
        routes.push([path, arn])
      }
    }
  const kinds = ['Function', 'ApiGatewayV2', 'CronV2', 'Queue', 'Vpc'] as const
  const aws = Object.fromEntries(kinds.map((kind) => [kind, recorder(kind)]))
  Object.assign(globalThis, {
    sst: { aws, Secret: recorder('Secret') },
    $app: { name: 'ninefold', stage },
    $config: (config: unknown) => config,
  })
  return { made, routes }
}

const env = { TEG_URL: 'https://teg.internal.example', PUBLIC_URL: 'https://registry.example' }
const titles = (names: readonly string[]) =>
  names.map((name) => name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase()))

describe('the deployment', () => {
  let manifest: Manifest
  beforeAll(async () => {
    const bundles = []
    for (const entry of listEntries()) bundles.push(await bundleEntry(entry, 'lambda'))
    manifest = await makeManifest(bundles, (name) => folderOf('lambda', name))
  })

  /** Everything, as `deploy` puts it together. */
  async function deployAll(more: Record<string, string> = {}, stage = 'dev') {
    const recorded = record(stage)
    const { connectData } = await import('../../stacks/data.ts')
    const { makeSecrets } = await import('../../stacks/secrets.ts')
    const { deployApi } = await import('../../stacks/api.ts')
    const { deploySchedules } = await import('../../stacks/schedules.ts')
    const { deployReactors } = await import('../../stacks/reactors.ts')
    const data = connectData({ ...env, ...more })
    const secrets = makeSecrets()
    deployApi(manifest, data, secrets)
    deploySchedules(manifest, data, secrets)
    deployReactors(manifest, data, secrets)
    return { ...recorded, of: (kind: string) => recorded.made.filter((one) => one.kind === kind) }
  }
  const linksOf = ({ args }: Made) => (args.link as { name: string }[]).map(({ name }) => name)

  test('has a function for every door of the registry, with a route for each of its paths, and one for the rest', async () => {
    const { of, routes } = await deployAll()
    const functions = new Set(of('Function').map(({ name }) => `arn:Function:${name}`))
    expect(of('Function').filter(({ name }) => name.startsWith('Registry'))).toHaveLength(
      Object.keys(registryDoors).length + 1,
    )
    for (const [path, arn] of routes) expect(functions, path).toContain(arn)
    let rows = 0
    for (const { prefix, load } of Object.values(registryDoors))
      for (const { path } of (await load()).default.rows) {
        rows++
        const full = `${prefix}${path === '/' ? '' : path}`.replace(/:([a-z_]+)(\{[^}]*\})?/g, '{$1}')
        expect(routes.filter(([route]) => route === `ANY ${full || '/'}`)).toHaveLength(1)
      }
    expect(rows).toBeGreaterThan(60)
    expect(routes.filter(([route]) => route === '$default')).toEqual([
      ['$default', 'arn:Function:RegistryPages'],
    ])
  })

  test('routes as a gateway does: what is written out stands before a parameter', async () => {
    const routes = await listRoutes()
    for (const [path, entry] of [
      ['/api/v1/auth/login', 'registry-auth'],
      ['/api/v1/auth/me', 'registry-account'],
      ['/api/v1/transfers/quote', 'registry-transfers'],
      ['/api/v1/transfers/01900000-0000-7000-8000-000000000001', 'registry-transfers'],
      ['/api/v1/operator/tasks', 'registry-tasks'],
      ['/health', 'registry-health'],
      ['/api/v1/nowhere', 'registry-pages'],
      ['/verify-email', 'registry-pages'],
    ] as const)
      expect(chooseRoute(routes, path), path).toBe(entry)
  })

  test('has a timer for every task and reactor, with retries and a queue for what failed for good', async () => {
    const { of } = await deployAll()
    const timers = of('CronV2')
    const wanted = [
      ...titles(Object.keys(timetable).map((task) => `task-${task}`)),
      ...titles(Object.keys(reactions).map((reactor) => `reactor-${reactor}`)),
    ].map((title) => `${title}Timer`)
    expect(timers.map(({ name }) => name).sort()).toEqual(wanted.sort())
    const queues = of('Queue').map(({ name }) => `arn:Queue:${name}`)
    expect(queues).toHaveLength(2)
    for (const { name, args } of timers) {
      expect(args.function, name).toBe(`arn:Function:${name.replace(/Timer$/, '')}`)
      expect(args.schedule, name).toMatch(/^rate\((?:1 minute|[2-5] minutes)\)$/)
      expect(args.retries, name).toBe(2)
      expect(queues, name).toContain(args.dlq)
    }
  })

  test('links each function to what it reads and to nothing else', async () => {
    const { of } = await deployAll()
    const links = new Map(of('Function').map((made) => [made.name, linksOf(made)]))
    const common = ['DatabaseUrl', 'TegServiceToken', 'SecretKey']
    expect(links.get('RegistryPages')).toEqual([])
    expect(links.get('RegistryTransfers')).toEqual([...common, 'RedisUrl'])
    expect(links.get('RegistryAuth')).toEqual([...common, 'RedisUrl', 'SmtpUrl'])
    expect(links.get('TaskMailOutbox')).toEqual([...common, 'SmtpUrl'])
    expect(links.get('TaskFeeRate')).toEqual(common)
    const pages = of('Function').find(({ name }) => name === 'RegistryPages')
    expect(pages?.args.environment).toEqual({ PUBLIC_URL: env.PUBLIC_URL })
    // No secret travels as a variable.
    for (const { name, args } of of('Function'))
      for (const key of Object.keys(args.environment as object))
        expect(key, name).not.toMatch(/DATABASE_URL|TOKEN|SECRET|REDIS|SMTP/)
  })

  test('links the token of the bridge where the bundle goes over it', async () => {
    const driven = await makeManifest(
      await Promise.all(
        listEntries()
          .filter(({ name }) => ['registry-transfers', 'registry-pages'].includes(name))
          .map((entry) => bundleEntry(entry, 'lambda', partsWith('lambda', 'neon'))),
      ),
      (name) => folderOf('lambda', name),
    )
    expect(driven.entries.map(({ name, secrets }) => [name, secrets.at(-1)])).toEqual([
      ['registry-transfers', 'NeonBridgeToken'],
      ['registry-pages', undefined],
    ])
    expect(partsWith('lambda', undefined)).toEqual(partsWith('lambda', 'pg'))
    expect(() => partsWith('lambda', 'mysql')).toThrow('DATABASE_DRIVER must be pg, neon, neon-http')
  })

  test('names handlers that exist: a bundle made of a file that is there', async () => {
    const { of } = await deployAll()
    for (const { name, args } of of('Function')) {
      expect(args.handler, name).toBe('index.handler')
      const entry = manifest.entries.find(({ folder }) => folder === args.bundle)
      expect(entry, name).toBeDefined()
      expect(existsSync(entry?.file ?? ''), name).toBe(true)
      expect(Number.parseInt(String(args.timeout), 10), name).toBeGreaterThan(5)
    }
  })

  test('leaves the TEG and the EventStore where they are: they are no business of the public gateway', async () => {
    const { of } = await deployAll()
    expect(of('Function').filter(({ name }) => /^(Teg|EventStore)/.test(name))).toEqual([])
  })

  test('uses a network of the account where one is named, for functions that reach into it', async () => {
    const { of } = await deployAll({ NINEFOLD_VPC_ID: 'vpc-1' })
    expect(of('Vpc.get')).toMatchObject([{ args: { id: 'vpc-1' } }])
    const [inside, outside] = [true, false].map((wanted) =>
      of('Function').filter(({ args }) => 'vpc' in args === wanted),
    )
    expect(outside?.map(({ name }) => name)).toEqual(['RegistryPages'])
    expect(inside?.length).toBeGreaterThan(20)
  })

  test('is refused before anything is made when an address is missing', async () => {
    record('dev')
    const { connectData } = await import('../../stacks/data.ts')
    expect(() => connectData({})).toThrow('TEG_URL and PUBLIC_URL')
  })
})

describe('sst.config.ts', () => {
  test('keeps what production and staging hold, and lets other stages be removed', async () => {
    record('dev')
    const { default: config } = (await import('../../sst.config.ts')) as unknown as {
      default: { app(input: { stage?: string }): Record<string, unknown> }
    }
    for (const stage of ['production', 'staging'])
      expect(config.app({ stage })).toMatchObject({ removal: 'retain', protect: true })
    for (const stage of ['dev', 'pr-7', undefined])
      expect(config.app(stage === undefined ? {} : { stage })).toMatchObject({
        removal: 'remove',
        protect: false,
      })
  })
})
