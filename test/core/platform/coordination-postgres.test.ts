import { describe, expect, test } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { openPostgresCoordination } from '#core/platform/coordination/postgres.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { testClock } from '#test/support/clock.ts'
import { testDatabase } from '#test/support/database.ts'
import { coordinationConformance } from './coordination-conformance.ts'

const db = await testDatabase()
const clock = testClock()
/** The first byte decides whether a call tidies up: never, or always. */
const coordination = (byte = 1) =>
  openPostgresCoordination({
    db,
    clock,
    random: (size) => (size === 1 ? Uint8Array.of(byte) : systemRandom(size)),
    log: silentLog,
  })

coordinationConformance('coordination in PostgreSQL', 'postgres', async () => {
  // Leases, limits and texts are the database's; hints are one instance's.
  const one = coordination()
  return {
    one,
    two: one,
    pass: async (milliseconds) => clock.advance(milliseconds),
    close: () => one.close(),
  }
})

describe('coordination in PostgreSQL', () => {
  test('is one for several instances: limits, leases and texts, but not hints', async () => {
    const [a, b] = [coordination(), coordination()]
    const verdicts = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? a : b).limitRate('shared', 4, 60_000)),
    )
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(4)
    expect(await a.acquireLease('lease', 'a', 5000)).toBe(true)
    expect(await b.acquireLease('lease', 'b', 5000)).toBe(false)
    await a.cacheSet('text', 'kept', 5000)
    expect(await b.cacheGet('text')).toBe('kept')
    const heard: string[] = []
    await b.subscribe('hints', (message) => heard.push(message))
    await a.publish('hints', 'not here')
    await b.publish('hints', 'here')
    await expect.poll(() => heard).toEqual(['here'])
  })

  test('forgets what limits nobody any more and texts whose time is over, and nothing else', async () => {
    const tidy = coordination(0)
    await tidy.limitRate('old', 1, 1000)
    await tidy.cacheSet('old', 'x', 1000)
    clock.advance(2000)
    await tidy.limitRate('new', 1, 60_000)
    await tidy.cacheSet('new', 'x', 60_000)
    const marks = await db.query('select key from registry.rate_marks where key in ($1, $2)', ['old', 'new'])
    expect(marks).toEqual([{ key: 'new' }])
    expect(
      await db.query('select key from registry.cached_texts where key in ($1, $2)', ['old', 'new']),
    ).toEqual([{ key: 'new' }])
    expect((await tidy.limitRate('new', 1, 60_000)).allowed).toBe(false)
  })
})
