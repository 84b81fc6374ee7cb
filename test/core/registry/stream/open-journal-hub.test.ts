import { afterAll, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import type { Database, Param } from '#core/platform/database/database.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import { eventually } from '#test/support/eventually.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

const { registry } = await startSystem()
const journal = journalOf(registry)
const operator: Caller = { kind: 'operator', account: null, key: 'preset', roles: ['operator'] }
const never = 3_600_000
afterAll(() => registry.feed.close())

test('a hint that comes while somebody asks for the head brings its event, without any poll', async () => {
  let gate: Promise<void> = Promise.resolve()
  let reads = 0
  const db: Database = {
    ...registry.db,
    async query<R>(text: string, params: readonly Param[] = []) {
      const rows = await registry.db.query<R>(text, params)
      reads++
      // The answer is made, and on its way for as long as the gate is shut.
      await gate
      return rows
    },
  }
  const hub = openJournalHub({ ...registry, db }, { busyMs: never, idleMs: never })
  const seen: bigint[] = []
  await journal.tell({})
  const start = await hub.head()
  hub.follow({
    caller: operator,
    after: start,
    types: null,
    deliver(event) {
      seen.push(event.index)
      return true
    },
  })
  // The reader has primed itself: from here on hints alone make it look.
  await eventually(async () => expect(await hub.head()).toBe(start))
  const open = Promise.withResolvers<void>()
  gate = open.promise
  const before = reads
  const asked = hub.head()
  await eventually(() => expect(reads).toBe(before + 1))
  const next = BigInt(await journal.tell({}))
  // The hint is out; the reader has been told by now.
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  open.resolve()
  expect(await asked).toBe(start)
  await eventually(() => expect(seen).toEqual([next]))
  await hub.close()
})
