/** A copy of a registry's database knows that it is one: its sources go on under names of their own. */
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openPg } from '#core/platform/database/pg.ts'
import { detectRestore } from '#core/registry/stream/detect-restore.ts'
import { journalOf } from '#test/support/journal.ts'
import { serverUrl } from '#test/support/services.ts'
import { startSystem } from '#test/support/system.ts'

const server = serverUrl('TEST_DATABASE_URL')

describe.skipIf(server === null)('a database made from another one, as a dump is put back', async () => {
  const { registry } = await startSystem()
  const name = `copy_${randomBytes(6).toString('hex')}`
  const sources = async (db: typeof registry.db) =>
    (await db.query<{ source: string }>('select source from registry.journal order by index')).map(
      ({ source }) => source,
    )

  test('begins a new life at the first look, and only then; the one that it was made from goes on as it was', async () => {
    const own = '/registries/ninefold/registry'
    const journal = journalOf(registry)
    const look = (db: typeof registry.db) => detectRestore({ ...journal.open(), db, eventStore: null })
    await look(registry.db)
    await journal.tell({})
    await look(registry.db)
    await journal.tell({})
    expect(await sources(registry.db)).toEqual([own, own])

    const [{ database } = { database: '' }] = await registry.db.query<{ database: string }>(
      'select current_database() as database',
    )
    const admin = openPg({ url: server ?? '', max: 1 })
    // A template must have no visitors: the idle connections of the pool come back by themselves.
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
      [database],
    )
    await admin.query(`create database ${name} template ${database}`)
    const copy = openPg({
      url: Object.assign(new URL(server ?? ''), { pathname: `/${name}` }).href,
      max: 2,
    })
    try {
      await look(copy)
      await look(copy)
      await journalOf({ ...registry, db: copy }).tell({})
      const [, , ...since] = await sources(copy)
      expect(since).toEqual([
        expect.stringMatching(/^\/registries\/ninefold\/registry#1-[0-9a-f]{8}$/),
        expect.stringMatching(/^\/registries\/ninefold\/teg#1-[0-9a-f]{8}$/),
        since[0],
      ])
      await journal.tell({})
      expect(await sources(registry.db)).toEqual([own, own, own])
    } finally {
      await copy.close()
      await admin.query(`drop database ${name} with (force)`)
      await admin.close()
    }
  })
})
