/** The nightly audit of the event ledger: what does not fit fails the task and says what. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { forwardEvents } from '#core/registry/forward/forward-events.ts'
import { ForwarderHalted } from '#core/registry/forward/rules.ts'
import { openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import ledgerAuditor from '#schedules/ledger-auditor.ts'
import { STORE_TOKEN, startStore, type TestStore } from '#test/support/event-store.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

const { registry } = await startSystem()
const journal = journalOf(registry)
const store = await startStore()
const clientOf = (to: TestStore) => openEventStoreClient({ token: STORE_TOKEN, fetch: to.fetch })
const run = { slot: new Date(0), epoch: { incarnation: 0, counter: 1n } }
const audit = (to: TestStore | null) =>
  ledgerAuditor.run({ ...journal.open(), eventStore: to && clientOf(to) }, run)

beforeAll(async () => {
  await journal.tell(...Array.from({ length: 30 }, () => ({})))
  await forwardEvents(journal.open(), { client: clientOf(store), verifier: null })
})
afterAll(() => registry.feed.close())

test('a log that is whole and has grown completes it, with the entries that were looked at', async () => {
  expect(await audit(store)).toEqual({ entries: 30, erased: 0 })
  await store.tell(5, '/registries/ninefold/other')
  await store.api.post('/events/erasures', { index: 3, reason: 'asked for' }, { token: STORE_TOKEN })
  expect(await audit(store)).toEqual({ entries: 35, erased: 1 })
})

test('a registry that tells its events to no EventStore has nothing to audit', async () => {
  expect(await audit(null)).toEqual({ absent: 1 })
})

test('another history, or a log that has shrunk, fails it', async () => {
  const other = await startStore()
  await other.tell(40)
  await expect(audit(other)).rejects.toThrow(ForwarderHalted)
  await expect(audit(other)).rejects.toThrow(/does not continue/)
  await expect(audit(await startStore())).rejects.toThrow(/has shrunk from 30 to 0/)
})

test('a document that somebody has changed past the triggers fails it, by its index', async () => {
  await store.db.script(`
    alter table event_store.entries disable trigger guard_change;
    update event_store.entries set payload = convert_to('{}', 'UTF8') where index = 7;
    alter table event_store.entries enable trigger guard_change`)
  await expect(audit(store)).rejects.toThrow(/not intact: the document of entry 7 .* \(1 faults\)/)
})
