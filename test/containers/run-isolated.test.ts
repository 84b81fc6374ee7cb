import { expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openIsolation } from '#host/run-isolated.ts'
import { runsOf, scheduleWorld } from '#test/support/crew/schedule-world.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const server = 'postgres://nobody@127.0.0.1:1/none'
const wake = () => undefined

test('gives no thread where the database or the TEG is a part of the process', async () => {
  const pg = openPg({ url: server })
  const embedded = readConfig({ TEG_DATABASE_URL: server })
  expect(openIsolation({ config: embedded, db: { kind: 'pglite' }, wake })).toBeNull()
  const together = readConfig({ DATABASE_URL: server, TEG_DATABASE_URL: server })
  expect(openIsolation({ config: together, db: pg, wake })).toBeNull()
  const TEG_SERVICE_TOKEN = 'service-token-for-tests-0123456789'
  const apart = readConfig({ DATABASE_URL: server, TEG_URL: 'http://127.0.0.1:1', TEG_SERVICE_TOKEN })
  expect(openIsolation({ config: apart, db: pg, wake })).not.toBeNull()
  await pg.close()
})

test('a task that asks for a thread runs in the process where none is to be had', async () => {
  const { time, start } = scheduleWorld(db)
  let ran = 0
  const run = async () => ({ count: ++ran })
  const host = start('one', { computing: { everySeconds: 60, timeoutSeconds: 20, isolate: true, run } })
  await time.advance(1000)
  await host.stop()
  expect(ran).toBe(1)
  expect(await runsOf(db, 'computing')).toMatchObject([{ state: 'completed', counts: { count: 1 } }])
})
