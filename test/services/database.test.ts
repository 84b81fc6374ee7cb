import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Database, lostConnection } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { databaseConformance } from '#test/core/platform/database-conformance.ts'
import { migrateConformance } from '#test/core/platform/migrate-conformance.ts'
import { serverUrl } from '#test/support/services.ts'
import { openTcpProxy } from '#test/support/tcp-proxy.ts'

const direct = serverUrl('TEST_DATABASE_URL')
const pooled = serverUrl('PGBOUNCER_TEST_URL')

/** The tests share the server with others: they work in a database of their own. */
const name = `platform_${randomBytes(6).toString('hex')}`
const inOwnDatabase = (server: string): string => {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

beforeAll(async () => {
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`create database ${name}`)
  await admin.close()
})
afterAll(async () => {
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`drop database if exists ${name} with (force)`)
  await admin.close()
})

const servers = [
  { title: 'a server', url: direct },
  { title: 'a server behind pgbouncer', url: direct === null ? null : pooled },
]
for (const { title, url } of servers)
  describe.skipIf(url === null)(title, () => {
    const own = () => inOwnDatabase(url as string)
    databaseConformance('the Database port', 'pg', async () => openPg({ url: own(), max: 4 }))
    migrateConformance('migrate()', async () => openPg({ url: own(), max: 2 }))
    faults(own)
  })

describe.skipIf(direct === null)('the compiler of plans', () => {
  const own = inOwnDatabase(direct ?? 'postgres://none')
  const jit = async () => {
    const db = openPg({ url: own, max: 1 })
    const rows = await db.query<{ jit: string }>(`select current_setting('jit') as jit`)
    await db.close()
    return rows[0]?.jit
  }
  const bring = async (before: string) => {
    const admin = openPg({ url: own, max: 1 })
    await admin.query(`alter database ${name} ${before}`)
    await admin.close()
    const db = openPg({ url: own, max: 1 })
    await migrate(db, 'planned', [{ name: '0001-first.sql', sql: 'select 1' }])
    const [session] = await db.query<{ jit: string }>(`select current_setting('jit') as jit`)
    await db.close()
    return [session?.jit, await jit()]
  }

  test('is off in a database of ours, in the session that migrates as in later ones', async () => {
    expect(await bring('reset jit')).toEqual(['off', 'off'])
  })

  test('stays on where somebody has turned it on', async () => {
    expect(await bring('set jit = on')).toEqual(['on', 'on'])
  })
})

function faults(url: () => string): void {
  describe('under faults', () => {
    const opened: Database[] = []
    const open = (options: { url?: string; max?: number; connectTimeoutMs?: number } = {}) => {
      const db = openPg({ url: url(), max: 2, ...options })
      opened.push(db)
      return db
    }
    afterEach(async () => {
      for (const db of opened.splice(0)) await db.close()
    })
    const running = async (watcher: Database, mark: string) =>
      (
        await watcher.query<{ n: bigint }>(
          `select count(*) as n from pg_stat_activity where state = 'active' and query like $1`,
          [`%pg_sleep%${mark}`],
        )
      )[0]?.n
    const whenRuns = (watcher: Database, mark: string) =>
      expect.poll(() => running(watcher, mark), { timeout: 5000 }).toBe(1n)
    let serial = 0
    const fresh = () => `mark_${name}_${serial++}`

    test('an abort really ends the statement on the server, alone or in a transaction', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open()
      for (const inTransaction of [false, true]) {
        const mark = fresh()
        const controller = new AbortController()
        const bound = db.bound(controller.signal)
        const sleep = `select pg_sleep(20) -- ${mark}`
        const why = new Error('deadline')
        const started = performance.now()
        const run = inTransaction ? bound.transaction((tx) => tx.query(sleep)) : bound.query(sleep)
        run.catch(() => undefined)
        await whenRuns(watcher, mark)
        controller.abort(why)
        await expect(run).rejects.toBe(why)
        expect(performance.now() - started).toBeLessThan(10_000)
        await expect.poll(() => running(watcher, mark), { timeout: 5000 }).toBe(0n)
      }
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    })

    test('an abort ends the wait for a connection of a full pool, and the pool serves on', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open({ max: 1 })
      const mark = fresh()
      const stop = new AbortController()
      const holder = db.bound(stop.signal).query(`select pg_sleep(20) -- ${mark}`)
      holder.catch(() => undefined)
      await whenRuns(watcher, mark)
      const controller = new AbortController()
      const why = new Error('gone')
      const waiting = db.bound(controller.signal).query('select 1')
      controller.abort(why)
      await expect(waiting).rejects.toBe(why)
      stop.abort(why)
      await expect(holder).rejects.toBe(why)
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    })

    test('a connection killed under a statement is an error that says so, and the pool recovers', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open({ max: 1 })
      const mark = fresh()
      const run = db.query(`select pg_sleep(20) -- ${mark}`).catch((error: unknown) => error)
      await whenRuns(watcher, mark)
      await watcher.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' and query like $1`,
        [`%pg_sleep%${mark}`],
      )
      expect(lostConnection(await run)).toBe(true)
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
    })

    test('a connection killed inside a transaction rolls it back, and the pool recovers', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open({ max: 1 })
      await db.script('create table if not exists killed (n int)')
      const pid = Promise.withResolvers<number>()
      const killed = Promise.withResolvers<void>()
      const run = db.transaction(async (tx) => {
        await tx.query('insert into killed values (1)')
        const [me] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
        pid.resolve(me?.pid ?? 0)
        await killed.promise
        await tx.query('insert into killed values (2)')
      })
      run.catch(() => undefined)
      await watcher.query('select pg_terminate_backend($1)', [await pid.promise])
      killed.resolve()
      expect(lostConnection(await run.catch((error: unknown) => error))).toBe(true)
      expect(await db.query('select n from killed')).toEqual([])
    })

    test('a connection lost while statements travel with the commit is told as lost: all of them are kept, or none', async () => {
      const proxy = await openTcpProxy(url())
      const near = open()
      await near.script('create table if not exists travelled (n int)')
      const db = open({ url: proxy.url, max: 1 })
      await db.query('select 1')
      const run = db.transaction(async (tx) => {
        await tx.query('insert into travelled values (1)')
        tx.later('insert into travelled values (2)')
        proxy.freeze()
        setImmediate(() => void proxy.cut())
      })
      expect(lostConnection(await run.catch((error: unknown) => error))).toBe(true)
      expect(await near.query('select n from travelled')).toEqual([])
      await proxy.mend()
      await expect
        .poll(() => db.query('select 1 as one').catch(() => 'broken'), { timeout: 5000 })
        .toEqual([{ one: 1 }])
      await db.close()
      opened.pop()
      await proxy.close()
    })

    test('a session ended by the server before statements that travel together is told as lost', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open({ max: 1 })
      await db.script('create table if not exists ended (n int)')
      const pid = Promise.withResolvers<number>()
      const killed = Promise.withResolvers<void>()
      const run = db.transaction(async (tx) => {
        const [me] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
        pid.resolve(me?.pid ?? 0)
        await killed.promise
        tx.later('insert into ended values (1)')
        tx.later('insert into ended values (2)')
      })
      run.catch(() => undefined)
      await watcher.query('select pg_terminate_backend($1)', [await pid.promise])
      killed.resolve()
      expect(lostConnection(await run.catch((error: unknown) => error))).toBe(true)
      expect(await db.query('select n from ended')).toEqual([])
    })

    test('idle connections that are killed are replaced without an error', async () => {
      const watcher = open({ url: inOwnDatabase(direct as string) })
      const db = open({ max: 1 })
      const [me] = await db.query<{ pid: number }>('select pg_backend_pid() as pid')
      await watcher.query('select pg_terminate_backend($1)', [me?.pid])
      const gone = async () =>
        (await watcher.query('select 1 from pg_stat_activity where pid = $1', [me?.pid])).length
      await expect.poll(gone, { timeout: 5000 }).toBe(0)
      await expect
        .poll(() => db.query('select 1 as one').catch(() => 'broken'), { timeout: 5000 })
        .toEqual([{ one: 1 }])
    })

    test('an abort ends a statement even when its server has fallen silent', async () => {
      const proxy = await openTcpProxy(url())
      const db = open({ url: proxy.url, max: 1 })
      await db.query('select 1')
      const controller = new AbortController()
      const why = new Error('deadline')
      const run = db.bound(controller.signal).transaction(async (tx) => {
        proxy.freeze()
        setImmediate(() => controller.abort(why))
        await tx.query('select 1')
      })
      // The server is frozen: nothing else than the deadline could end it.
      await expect(run).rejects.toBe(why)
      await proxy.mend()
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
      await db.close()
      opened.pop()
      await proxy.close()
    })

    test('a server that is not there fails within the connect timeout', async () => {
      const proxy = await openTcpProxy(url())
      const db = open({ url: proxy.url, connectTimeoutMs: 300 })
      proxy.freeze()
      // Without a timeout it would wait for ever.
      await expect(db.query('select 1')).rejects.toThrow()
      await proxy.cut()
      await expect(db.query('select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await proxy.mend()
      await expect
        .poll(() => db.query('select 1 as one').catch(() => 'broken'), { timeout: 5000 })
        .toEqual([{ one: 1 }])
      await proxy.close()
    })

    test('two transactions at once do not see each other before their commits', async () => {
      const db = open({ max: 2 })
      await db.script('create table if not exists isolated (n int)')
      const inserted = Promise.withResolvers<void>()
      const looked = Promise.withResolvers<void>()
      const writer = db.transaction(async (tx) => {
        await tx.query('insert into isolated values (1)')
        inserted.resolve()
        await looked.promise
      })
      await inserted.promise
      expect(await db.query('select n from isolated')).toEqual([])
      looked.resolve()
      await writer
      expect(await db.query('select n from isolated')).toEqual([{ n: 1 }])
      await db.script('drop table isolated')
    })
  })
}
