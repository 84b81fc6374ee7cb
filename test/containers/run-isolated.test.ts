import { expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openIsolation } from '#host/run-isolated.ts'

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
