import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { worker } from '#test/runtimes/hosts.ts'
import { serverUrl } from '#test/support/services.ts'
import { bundleEntry } from '../../stacks/bundle.ts'
import { listEntries } from '../../stacks/list-entries.ts'

const server = serverUrl('TEST_DATABASE_URL')
const name = `timers_${randomBytes(6).toString('hex')}`
const folder = mkdtempSync(join(tmpdir(), 'ninefold-timers-'))
const entryOf = (wanted: string) => {
  const entry = listEntries().find((one) => one.name === wanted)
  if (!entry) throw new Error(`there is no entry ${wanted}`)
  return entry
}

/** What Miniflare's worker has and its types do not tell. */
interface Timed {
  scheduled(timer: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>
}

/** The bundles themselves, as a host loads them. */
describe.skipIf(server === null)('bundled timers without a host', () => {
  let db: Database
  let env: Record<string, string>
  beforeAll(async () => {
    const admin = openPg({ url: server as string, max: 1 })
    await admin.query(`create database ${name} template ninefold_template`)
    await admin.close()
    const url = new URL(server as string)
    url.pathname = `/${name}`
    db = openPg({ url: url.href, max: 2 })
    env = {
      DATABASE_URL: url.href,
      TEG_URL: 'http://127.0.0.1:9',
      TEG_SERVICE_TOKEN: 'x'.repeat(32),
      LOG_LEVEL: 'error',
    }
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await db?.close()
    const admin = openPg({ url: server as string, max: 1 })
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.close()
  })
  /** Known since an hour: the latest due time is its own. */
  const know = (task: string) =>
    db.query(
      `insert into registry.tasks (task, known_since) values ($1, clock_timestamp() - interval '1 day') on conflict do nothing`,
      [task],
    )
  const runs = (task: string) =>
    db.query<{ state: string; attempt: number; holder: string }>(
      'select state, attempt, holder from registry.task_runs where task = $1 order by slot',
      [task],
    )

  type Handler = (event: unknown, context: object) => Promise<{ state: string; ran: { state: string }[] }>
  let copies = 0
  /** Each copy is an instance of its own. */
  async function onLambda(wanted: string): Promise<Handler> {
    const { files } = await bundleEntry(entryOf(wanted), 'lambda', ['pg', 'outbound', 'mail'])
    const own = join(folder, `copy-${++copies}-`)
    for (const [file, text] of Object.entries(files)) {
      const at = `${own}${file}`
      writeFileSync(
        at,
        text.replaceAll(/(["'])\.\/(part-[\w-]+\.mjs)\1/g, `$1${pathToFileURL(own).href}$2$1`),
      )
    }
    const { handler } = await import(/* @vite-ignore */ pathToFileURL(`${own}index.mjs`).href)
    return handler
  }
  const call = (id: string) => ({ awsRequestId: id, getRemainingTimeInMillis: () => 60_000 })

  test('Lambda: doubled and simultaneous events of several instances run a due time once', async () => {
    Object.assign(process.env, env)
    await know('retention')
    const handlers = await Promise.all([onLambda('task-retention'), onLambda('task-retention')])
    const event = { source: 'aws.scheduler', time: '2020-01-01T00:00:00Z' }
    const results = await Promise.all([
      ...handlers.map((handle, at) => handle(event, call(`first-${at}`))),
      ...handlers.map((handle, at) => handle(event, call(`again-${at}`))),
    ])
    expect(results.flatMap(({ ran }) => ran).map(({ state }) => state)).toEqual(['completed'])
    expect(await runs('retention')).toEqual([
      { state: 'completed', attempt: 1, holder: expect.stringMatching(/^lambda\/(first|again)-/) },
    ])
  })

  test('Lambda: a run that fails fails the invocation, so that retries and the dead-letter queue see it', async () => {
    Object.assign(process.env, env)
    await know('fee-rate')
    // Nobody listens at the TEG's address.
    const handle = await onLambda('task-fee-rate')
    await expect(handle({}, call('failing'))).rejects.toThrow('failed')
    // One, or two where a minute began meanwhile.
    const states = (await runs('fee-rate')).map(({ state }) => state)
    expect(new Set(states)).toEqual(new Set(['failed']))
  })

  test('Lambda: a reactor does its round although the TEG is away, and the invocation tells of it', async () => {
    Object.assign(process.env, env)
    const handle = await onLambda('reactor-index-agents')
    await expect(handle({}, call('relay'))).rejects.toMatchObject({ code: 'teg_unavailable' })
    expect(
      await db.query('select reactor from registry.reactor_cursors where reactor = $1', ['index-agents']),
    ).toEqual([{ reactor: 'index-agents' }])
  })

  test('Workers: scheduled() runs a due time once, however often it is called, and fails aloud', async () => {
    await know('lexicon')
    const { files } = await bundleEntry(entryOf('task-lexicon'), 'worker', ['pg'])
    const host = await worker(files['index.js'] ?? '', env)
    const broken = await worker(files['index.js'] ?? '', {
      ...env,
      DATABASE_URL: 'postgres://nobody@127.0.0.1:9/x',
    })
    try {
      const timer = { cron: '*/5 * * * *', scheduledTime: new Date('2026-11-24T12:00:00.000Z') }
      const call = async (of: typeof host) =>
        ((await of.miniflare.getWorker()) as unknown as Timed).scheduled(timer)
      const outcomes = [await call(host), ...(await Promise.all([call(host), call(host)]))]
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok'])
      expect(await runs('lexicon')).toEqual([
        { state: 'completed', attempt: 1, holder: expect.stringMatching(/^worker\/[0-9a-f]{12}$/) },
      ])
      expect((await call(broken)).outcome).toBe('exception')
    } finally {
      await host.close()
      await broken.close()
    }
  })
})
