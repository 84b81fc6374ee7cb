import { expect, test } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { silentLog } from '#core/platform/log.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { hashRequest, makeOnce } from '#core/runtime/keep-once.ts'
import { testClock } from '#test/support/clock.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const clock = testClock()
const resources = { db, coordination: openInProcess(), clock, random: systemRandom, log: silentLog }
const store = keepReplies(await openKeyRing(resources, 'a secret of the registry, 32 characters'))
const digest = hashRequest('post', '/api/v1/auth/login', '', { password: 'correct horse' })
const claim = (hash: string) => ({ principal: 'p', key: 'k', hash: () => hash, time: clock.fixed })

test('with SECRET_KEY neither the reply nor the digest of the request can be read in the table', async () => {
  const first = await makeOnce(() => db, store, claim(digest)).run(async () => ({ token: 'shown once' }))
  const [row] = await db.query<{ request_hash: string; body: string }>('select * from registry.idempotency')
  expect(row?.request_hash).toMatch(/^gcm:/)
  expect(JSON.stringify(row)).not.toMatch(new RegExp(`${digest}|shown once`))
  const again = await makeOnce(() => db, store, claim(digest)).run(async () => ({ token: 'another' }))
  expect(again).toEqual(first)
})

test('answers 422 idempotency_key_reused for another request under the key', async () => {
  const other = makeOnce(() => db, store, claim('0'.repeat(64))).run(async () => null)
  await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_key_reused' })
})
