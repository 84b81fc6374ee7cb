import { randomBytes } from 'node:crypto'
import { neon, neonConfig } from '@neondatabase/serverless'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Database } from '#core/platform/database/database.ts'
import { openNeon } from '#core/platform/database/neon.ts'
import { openNeonHttp } from '#core/platform/database/neon-http.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { type Bridge, type BridgeOptions, serveBridge } from '#host/bridge/serve-bridge.ts'
import { databaseConformance } from '#test/core/platform/database-conformance.ts'
import { migrateConformance } from '#test/core/platform/migrate-conformance.ts'
import { serverUrl } from '#test/support/services.ts'

const direct = serverUrl('TEST_DATABASE_URL')
const pooled = serverUrl('PGBOUNCER_TEST_URL')
const TOKEN = 'token-of-the-bridge-in-tests-0123456789'

const name = `neon_${randomBytes(6).toString('hex')}`
const inOwnDatabase = (server: string): string => {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
const targetOf = (server: string) => new URL(server).host

const bridges: Bridge[] = []
async function bridgeTo(server: string, options: Partial<BridgeOptions> = {}) {
  const bridge = await serveBridge({
    target: targetOf(server),
    token: TOKEN,
    connections: 50,
    port: 0,
    address: '127.0.0.1',
    log: silentLog,
    newId: () => 'id',
    ...options,
  })
  bridges.push(bridge)
  return { bridge, way: { url: `http://127.0.0.1:${bridge.port}`, token: TOKEN } }
}

beforeAll(async () => {
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`create database ${name}`)
  await admin.close()
})
afterAll(async () => {
  for (const bridge of bridges) await bridge.stop()
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`drop database if exists ${name} with (force)`)
  await admin.close()
})

const servers = [
  { title: 'a server', url: direct },
  { title: 'pgbouncer', url: direct === null ? null : pooled },
]
for (const { title, url } of servers)
  describe.skipIf(url === null)(`through the bridge to ${title}`, () => {
    const server = url as string
    const open = async (max: number) =>
      openNeon({ url: inOwnDatabase(server), bridge: (await bridgeTo(server)).way, max })
    databaseConformance('the Database port over a WebSocket', 'pg', () => open(4))
    migrateConformance('migrate() over a WebSocket', () => open(2))
    databaseConformance(
      'the Database port over HTTP',
      'pg',
      async () => openNeonHttp({ url: inOwnDatabase(server), bridge: (await bridgeTo(server)).way }),
      { transactions: false },
    )
  })

describe.skipIf(direct === null)('the bridge', () => {
  const server = direct as string
  const url = inOwnDatabase(server ?? 'postgres://x')
  const sessions = async (db: Database, mark: string) =>
    (
      await db.query<{ n: bigint }>(
        'select count(*) as n from pg_stat_activity where query like $1 and pid <> pg_backend_pid()',
        [`%${mark}%`],
      )
    )[0]?.n

  const dial = (port: number, path: string, protocols: string[]) =>
    new Promise<number | string>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols)
      socket.once('open', () => {
        resolve(socket.protocol)
        socket.close()
      })
      socket.once('unexpected-response', (_request, reply) => {
        resolve(reply.statusCode ?? 0)
        reply.destroy()
      })
      socket.once('error', () => undefined)
    })
  const protocols = (token: string) => ['ninefold-bridge', `token.${token}`]
  const path = (target: string) => `/v1?address=${target}`

  test('leads to its one address and nowhere else, for the holder of the token only', async () => {
    const { bridge } = await bridgeTo(server)
    const { port } = bridge
    expect(await dial(port, path(targetOf(server)), protocols(TOKEN))).toBe('ninefold-bridge')
    for (const other of ['127.0.0.1:22', '169.254.169.254:80', `${targetOf(server)}.example`, ''])
      expect(await dial(port, path(other), protocols(TOKEN)), other).toBe(403)
    expect(await dial(port, `/v2?address=${targetOf(server)}`, protocols(TOKEN))).toBe(403)
    for (const token of ['', 'wrong', `${TOKEN}x`])
      expect(await dial(port, path(targetOf(server)), protocols(token)), token).toBe(401)
    expect(await dial(port, path(targetOf(server)), ['ninefold-bridge'])).toBe(401)
  })

  test('takes a statement over HTTP with the token only, and reaches its target whatever address the driver names', async () => {
    const { bridge } = await bridgeTo(server)
    const at = `http://127.0.0.1:${bridge.port}/sql`
    const ask = (headers: Record<string, string>, body: unknown = { query: 'select 1 as one', params: [] }) =>
      fetch(at, { method: 'POST', headers, body: JSON.stringify(body) })
    const elsewhere = url.replace(targetOf(server), '192.0.2.1:1')
    const authorization = `Bearer ${TOKEN}`
    expect((await ask({ 'neon-connection-string': url })).status).toBe(401)
    expect((await ask({ 'neon-connection-string': url, authorization: 'Bearer no' })).status).toBe(401)
    const reply = await ask({ 'neon-connection-string': elsewhere, authorization })
    expect(await reply.json()).toMatchObject({
      command: 'SELECT',
      rowCount: 1,
      rows: [['1']],
      rowAsArray: true,
    })
    expect((await ask({ authorization })).status).toBe(400)
    expect((await ask({ 'neon-connection-string': url, authorization }, { queries: [] })).status).toBe(400)
    expect((await fetch(`http://127.0.0.1:${bridge.port}/`)).status).toBe(404)
  })

  test('runs a batch of the stock driver in one transaction, or not at all', async () => {
    const { way } = await bridgeTo(server)
    const sql = neon(url, { authToken: way.token })
    neonConfig.fetchEndpoint = () => `${way.url}/sql`
    await sql.query('create table batched (n int primary key)')
    await sql.transaction([
      sql.query('insert into batched values (1)'),
      sql.query('insert into batched values (2)'),
    ])
    const twice = sql.transaction([
      sql.query('insert into batched values (3)'),
      sql.query('insert into batched values (1)'),
    ])
    await expect(twice).rejects.toMatchObject({ code: '23505', constraint: 'batched_pkey' })
    expect(await sql.query('select n from batched order by n')).toEqual([{ n: 1 }, { n: 2 }])
    const readOnly = sql.transaction([sql.query('insert into batched values (4)')], { readOnly: true })
    await expect(readOnly).rejects.toMatchObject({ code: '25006' })
    const [level] = await sql.transaction([sql.query('show transaction isolation level')], {
      isolationLevel: 'Serializable',
    })
    expect(level).toEqual([{ transaction_isolation: 'serializable' }])
  })

  test('holds no more connections than it may, in all and for one address, and takes new ones when some have left', async () => {
    for (const options of [{ connections: 2 }, { limits: { perAddress: 2 } }] as Partial<BridgeOptions>[]) {
      const { bridge, way } = await bridgeTo(server, options)
      const opened = [openNeon({ url, bridge: way, max: 1 }), openNeon({ url, bridge: way, max: 1 })]
      for (const db of opened) await db.query('select 1')
      expect(bridge.held()).toBe(2)
      expect(await dial(bridge.port, path(targetOf(server)), protocols(TOKEN))).toBe(503)
      for (const db of opened) await db.close()
      await expect.poll(bridge.held).toBe(0)
      expect(await dial(bridge.port, path(targetOf(server)), protocols(TOKEN))).toBe('ninefold-bridge')
    }
  })

  test('ends a session of the server with the socket: an aborted transaction is rolled back', async () => {
    const watcher = openPg({ url, max: 1 })
    const { way } = await bridgeTo(server)
    const db = openNeon({ url, bridge: way, max: 1 })
    await db.script('create table left_behind (n int)')
    const mark = `mark_${randomBytes(4).toString('hex')}`
    const controller = new AbortController()
    const why = new Error('deadline')
    const run = db.bound(controller.signal).transaction(async (tx) => {
      await tx.query(`insert into left_behind values (1) -- ${mark}`)
      controller.abort(why)
      await tx.query('select 1')
    })
    await expect(run).rejects.toBe(why)
    await expect.poll(() => sessions(watcher, mark), { timeout: 5000 }).toBe(0n)
    expect(await db.query('select n from left_behind')).toEqual([])
    await db.close()
    await watcher.close()
  })

  test('tells a driver that its target is away, and lets nothing hang', async () => {
    const { way } = await bridgeTo(server, { target: '127.0.0.1:9' })
    const away = url.replace(targetOf(server), '127.0.0.1:9')
    const db = openNeon({ url: away, bridge: way, max: 1, connectTimeoutMs: 3000 })
    await expect(db.query('select 1')).rejects.toThrow()
    const http = openNeonHttp({ url: away, bridge: way })
    await expect(http.query('select 1')).rejects.toThrow('ECONNREFUSED')
    await db.close()
  })

  test('ends what it holds when it stops', async () => {
    const { bridge, way } = await bridgeTo(server)
    const db = openNeon({ url, bridge: way, max: 1 })
    await db.query('select 1')
    await bridge.stop()
    await expect.poll(bridge.held).toBe(0)
    await expect(db.query('select 1')).rejects.toThrow()
    await db.close().catch(() => undefined)
  })
})
