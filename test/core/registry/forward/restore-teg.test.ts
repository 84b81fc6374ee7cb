/** A TEG whose database was put back to an old backup: the journal goes on behind it, and loses and repeats nothing. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import { forwardEvents } from '#core/registry/forward/forward-events.ts'
import { openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { RelayHalted } from '#core/registry/stream/errors.ts'
import { relayEvents, relayTegEvents } from '#core/registry/stream/relay-events.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { STORE_TOKEN, startStore } from '#test/support/event-store.ts'
import { type OpenRegistry, restorable } from '#test/support/restorable.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { SERVICE_TOKEN, startTeg, type TestTeg, transfer } from '#test/support/teg.ts'

const TEG = '/registries/ninefold/teg'
const root = mkdtempSync(join(tmpdir(), 'ninefold-teg-'))
const [data, copy] = [join(root, 'data'), join(root, 'copy')]
let teg: TestTeg
let openings = 0
const openTeg = async () => {
  const db = await openPglite({ dataDir: data })
  await migrate(db, 'teg', migrations)
  teg = await startTeg({}, db)
  // Ids are made of time and ledger number: a restored TEG is a later one.
  teg.clock.advance(++openings * 60_000)
}
/** Stops the TEG, copies its folder aside or puts the copy back, starts it again. */
const tegStopped = async (from: string, to: string, meanwhile?: () => Promise<void>) => {
  await teg.db.close()
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
  await meanwhile?.()
  await openTeg()
}
const store = await startStore()
const client = openEventStoreClient({ token: STORE_TOKEN, fetch: async (request) => store.fetch(request) })
const world = restorable({
  teg: openTegClient({
    token: SERVICE_TOKEN,
    fetch: (request) => teg.fetch(request),
    newId: () => crypto.randomUUID(),
  }),
  eventStore: client,
})
const agents = { from: '', to: '' }
let now: OpenRegistry
beforeAll(async () => {
  await openTeg()
  agents.from = await teg.open('100')
  agents.to = await teg.open()
  now = await world.open()
}, 60_000)
afterAll(async () => {
  await now.close()
  await teg.db.close()
  world.remove()
  rmSync(root, { recursive: true, force: true })
})

const pay = async (count: number, amount = '0.01') => {
  for (let n = 0; n < count; n++)
    expect((await teg.run(transfer(agents.from, agents.to, amount))).error).toBeNull()
}
const relayAll = async () => {
  while ((await relayEvents(now.journal.open())).more);
}
const forwardAll = async () => {
  const forwarding = { client, verifier: store.store.keys.log.verifier }
  while ((await forwardEvents(now.journal.open(), forwarding)).more);
}
const label = async () =>
  (await now.api.get('/operator/journal', { token: OPERATOR_KEY })).body.incarnation as string
const journal = () =>
  now.registry.db.query<{
    index: bigint
    id: string
    type: string
    source: string
    n: bigint
    envelope: string
  }>('select index, id, type, source, sourcesequence as n, envelope from registry.journal order by index')
const ofTeg = async (source: string) => (await journal()).filter((row) => row.source === source)
/** That the ledger has the journal as it is: each row once, by source from 1 without holes. */
const requireLedgerIsJournal = async () => {
  await forwardAll()
  const told = await store.db.query<{ source: string; n: bigint }>(
    `select s.source, e.sequence as n from event_store.entries e join event_store.sources s on s.id = e.source
     order by e.index`,
  )
  expect(told).toEqual((await journal()).map(({ source, n }) => ({ source, n })))
  const last = new Map<string, bigint>()
  for (const { source, n } of told) {
    expect(n).toBe((last.get(source) ?? 0n) + 1n)
    last.set(source, n)
  }
  expect(await store.db.query('select 1 from event_store.equivocations')).toEqual([])
}

test('stops the relay while nobody can know that it was a restore: its copy stands in the same database', async () => {
  await pay(4)
  await relayAll()
  await tegStopped(data, copy)
  await pay(3, '0.02')
  await now.journal.tell({ data: { n: 1 } })
  await relayAll()
  await forwardAll()
  await auditSupply(now.journal.open())
  expect((await ofTeg(TEG)).length).toBe(8)

  await tegStopped(copy, data)
  await expect(relayTegEvents(now.journal.open())).rejects.toThrow(RelayHalted)
  await expect(relayTegEvents(now.journal.open())).rejects.toThrow(/number 8, .* is not there any more/)
  await pay(5, '0.03')
  await expect(relayTegEvents(now.journal.open())).rejects.toThrow(/number 8 came again with other content/)
  await now.journal.tell({ data: { n: 2 } })
  expect((await journal()).at(-1)?.source).toBe('/registries/ninefold/registry')
})

test("goes on at an operator's word, from the last fact that both hold, and names those that only the journal has", async () => {
  const lost = (await ofTeg(TEG)).slice(5)
  const before = await journal()
  const told = await now.api.post(
    '/operator/journal/teg-restored',
    { reason: 'the disk of teg-db was put back to Tuesday' },
    { token: OPERATOR_KEY },
  )
  expect(told.status).toBe(200)
  await Promise.all([relayAll(), relayAll()])

  const name = await label()
  expect(name).toMatch(/^1-[0-9a-f]{8}$/)
  const rows = await journal()
  expect(rows.slice(0, before.length)).toEqual(before)
  const fresh = await ofTeg(`${TEG}#${name}`)
  expect(fresh.map(({ n, type }) => [n, type])).toEqual([
    [1n, 'source.restored'],
    ...[2n, 3n, 4n, 5n, 6n].map((n) => [n, 'transfer.completed']),
  ])
  expect(JSON.parse((fresh[0] as { envelope: string }).envelope).data).toMatchObject({
    source: `${TEG}#${name}`,
    reason: 'the disk of teg-db was put back to Tuesday',
    before: {
      source: TEG,
      sequence: '8',
      only_in_journal: {
        first_index: Number(lost[0]?.index),
        last_index: Number(lost.at(-1)?.index),
        count: 3,
      },
    },
  })
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  await requireLedgerIsJournal()
  const trail = await now.registry.db.query('select act, object from registry.audit_trail')
  expect(trail).toContainEqual({ act: 'journal.teg_restored', object: 'journal/teg' })
})

test('is audited by what it has: facts that only the journal holds are no part of its books', async () => {
  const report = await auditSupply(now.journal.open())
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([])
  expect(report.status).toBe('ok')
})

test('goes on by itself where the TEG shows that its rows stand in another database than before', async () => {
  await pay(2, '0.04')
  await relayAll()
  await tegStopped(data, copy)
  await pay(2, '0.05')
  await relayAll()
  const first = await label()
  await tegStopped(copy, data, async () => {
    // The backup comes from another server, as a restored dump or a copy would.
    const db = await openPglite({ dataDir: data })
    await db.query(`update teg.meta set identity = 'another'`)
    await db.close()
  })
  await pay(1, '0.06')
  await relayAll()
  const second = await label()
  expect(second).toMatch(/^2-[0-9a-f]{8}$/)
  expect((await ofTeg(`${TEG}#${first}`)).length).toBe(10)
  const fresh = await ofTeg(`${TEG}#${second}`)
  expect(fresh.map(({ type }) => type)).toEqual(['source.restored', 'transfer.completed'])
  expect(JSON.parse((fresh[0] as { envelope: string }).envelope).data.before).toMatchObject({
    source: `${TEG}#${first}`,
    sequence: '10',
    only_in_journal: { count: 2 },
  })
  // What it says under its new name is compared from then on.
  expect((await relayTegEvents(now.journal.open())).moved).toBe(0)
  await pay(2)
  await relayAll()
  expect((await ofTeg(`${TEG}#${second}`)).length).toBe(4)
  await requireLedgerIsJournal()
  expect((await auditSupply(now.journal.open())).status).toBe('ok')
})

test('a word without a restore begins a new life from where both stand, and loses nothing', async () => {
  await relayAll()
  const rows = (await journal()).length
  await now.api.post('/operator/journal/teg-restored', { reason: 'by mistake' }, { token: OPERATOR_KEY })
  await relayAll()
  const fresh = await ofTeg(`${TEG}#${await label()}`)
  expect(fresh).toHaveLength(1)
  expect(JSON.parse((fresh[0] as { envelope: string }).envelope).data.before.only_in_journal).toBeNull()
  expect((await journal()).length).toBe(rows + 2)
  await requireLedgerIsJournal()
})

test('a ledger that calls itself another one is followed at a word only', async () => {
  await teg.db.query('update teg.meta set incarnation = gen_random_uuid()')
  await expect(relayTegEvents(now.journal.open())).rejects.toThrow(/another incarnation/)
  await now.api.post('/operator/journal/teg-restored', { reason: 'a new teg-db' }, { token: OPERATOR_KEY })
  await pay(1, '0.07')
  await relayAll()
  const fresh = await ofTeg(`${TEG}#${await label()}`)
  expect(fresh.map(({ type }) => type)).toEqual(['source.restored', 'transfer.completed'])
  await requireLedgerIsJournal()
})
