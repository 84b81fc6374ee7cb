import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { databaseConformance } from './database-conformance.ts'
import { migrateConformance } from './migrate-conformance.ts'

let shared: Promise<Database> | undefined
/** One engine for the file (each takes half a gigabyte); the last user closes it. */
const engine = async (): Promise<Database> => {
  shared ??= openPglite()
  return { ...(await shared), close: async () => undefined }
}

databaseConformance('the embedded database', 'pglite', engine)

let migrated: Promise<Database> | undefined
migrateConformance('migrate() on the embedded database', () => {
  migrated ??= engine()
  return migrated
})

describe('the embedded database alone', () => {
  test('never runs what was aborted while it waited, and tells so without waiting for its turn', async () => {
    const db = await engine()
    await db.query('create table waiting (n int)')
    const why = new Error('gone')
    const controller = new AbortController()
    const gate = Promise.withResolvers<void>()
    const first = db.transaction(() => gate.promise)
    const waiting = db.bound(controller.signal).query('insert into waiting values (1)')
    controller.abort(why)
    await expect(waiting).rejects.toBe(why)
    gate.resolve()
    await first
    expect(await db.query('select n from waiting')).toEqual([])
  })

  test('refuses an object for a text parameter, which a server would store as JSON', async () => {
    const db = await engine()
    await expect(db.query('select $1::text', [{ a: 1 }])).rejects.toThrow(
      'An object was given for a text parameter',
    )
  })

  test('keeps its data in a folder from one opening to the next', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ninefold-pglite-'))
    try {
      const before = await openPglite({ dataDir: join(folder, 'deep', 'data') })
      await before.script('create table kept (n int8); insert into kept values (7)')
      await before.close()
      const after = await openPglite({ dataDir: join(folder, 'deep', 'data') })
      expect(await after.query('select n from kept')).toEqual([{ n: 7n }])
      await after.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 120_000)
})
