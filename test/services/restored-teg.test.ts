/** A TEG on a copy of its database, as a dump is put back, says so by itself, and the journal goes on behind it. */
import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { journalOf } from '#test/support/journal.ts'
import { serverUrl } from '#test/support/services.ts'
import { startSystem } from '#test/support/system.ts'
import { SERVICE_TOKEN, startTeg, type TestTeg, transfer } from '#test/support/teg.ts'

const server = serverUrl('TEST_DATABASE_URL')
const pooled = serverUrl('PGBOUNCER_TEST_URL')

describe.skipIf(server === null)('a TEG put back to an older dump', async () => {
  const { registry } = await startSystem()
  const admin = openPg({ url: server ?? '', max: 1 })
  const names = ['live', 'dump', 'back'].map((what) => `teg_${what}_${randomBytes(6).toString('hex')}`)
  const [live = '', dump = '', back = ''] = names
  const opened: Database[] = []
  let teg: TestTeg
  let openings = 0
  const open = async (name: string) => {
    const url = Object.assign(new URL(pooled ?? server ?? ''), { pathname: `/${name}` }).href
    const db = openPg({ url, max: 4 })
    opened.push(db)
    teg = await startTeg({}, db)
    // Ids are made of time and ledger number: a restored TEG is a later one.
    teg.clock.advance(++openings * 60_000)
  }
  /** A template must have no visitors. */
  const copyDatabase = async (from: string, to: string) => {
    for (const db of opened.splice(0)) await db.close()
    await expect
      .poll(
        async () => {
          await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
            from,
          ])
          return admin.query(`create database ${to} template ${from}`).then(
            () => 'made',
            (error: unknown) => error,
          )
        },
        { timeout: 20_000 },
      )
      .toBe('made')
  }
  const journal = journalOf({
    ...registry,
    teg: openTegClient({
      token: SERVICE_TOKEN,
      fetch: (request) => teg.fetch(request),
      newId: () => crypto.randomUUID(),
    }),
  })
  const relayAll = async () => {
    while ((await relayEvents(journal.open())).more);
  }
  const bySource = () =>
    registry.db.query<{ source: string; n: bigint; types: string[] }>(
      `select source, max(sourcesequence) as n, array_agg(distinct type order by type) as types from registry.journal
       where source ~ '/teg' group by source order by min(index)`,
    )

  afterAll(async () => {
    for (const db of opened) await db.close()
    for (const name of names) await admin.query(`drop database if exists ${name} with (force)`)
    await admin.close()
  })

  test('is followed without an operator from the last fact that both hold, by two relays at once as by one', async () => {
    await copyDatabase('ninefold_template', live)
    await open(live)
    const from = await teg.open('10')
    const to = await teg.open()
    const pay = async (count: number) => {
      for (let n = 0; n < count; n++) expect((await teg.run(transfer(from, to, '0.01'))).error).toBeNull()
    }
    await pay(2)
    await relayAll()
    await copyDatabase(live, dump)
    await open(live)
    await pay(3)
    await relayAll()
    expect(await bySource()).toMatchObject([{ source: '/registries/ninefold/teg', n: 6n }])

    await copyDatabase(dump, back)
    await open(back)
    await pay(1)
    await Promise.all([relayAll(), relayAll()])
    await relayAll()
    expect(await bySource()).toEqual([
      { source: '/registries/ninefold/teg', n: 6n, types: ['genesis.granted', 'transfer.completed'] },
      {
        source: expect.stringMatching(/^\/registries\/ninefold\/teg#1-[0-9a-f]{8}$/),
        n: 2n,
        types: ['source.restored', 'transfer.completed'],
      },
    ])
  })
})
