/** The EventStore as the role that may only append: it works, and the role cannot undo what the triggers guard. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrations } from '#core/event-store/migrations.generated.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { STORE_TOKEN, startStore, type TestStore } from '#test/support/event-store.ts'
import { serverUrl } from '#test/support/services.ts'

const server = serverUrl('TEST_DATABASE_URL')

describe.skipIf(server === null)('the role ninefold_event_store', () => {
  const suffix = randomBytes(6).toString('hex')
  const name = `event_store_role_${suffix}`
  const password = randomBytes(12).toString('hex')
  let role: Database
  let store: TestStore
  const urlOf = (more: { username?: string; password?: string } = {}) =>
    Object.assign(new URL(server ?? ''), { pathname: `/${name}`, ...more }).href

  beforeAll(async () => {
    const admin = openPg({ url: server ?? '', max: 1 })
    await admin.script(`do $$ begin
      if not exists (select 1 from pg_roles where rolname = 'ninefold_event_store') then
        create role ninefold_event_store login;
      end if;
    end $$`)
    await admin.script(`alter role ninefold_event_store login password '${password}'`)
    await admin.script(`create database ${name} template template0`)
    await admin.close()
    const owner = openPg({ url: urlOf(), max: 1 })
    await migrate(owner, 'event_store', migrations)
    await owner.close()
    role = openPg({ url: urlOf({ username: 'ninefold_event_store', password }), max: 4 })
    store = await startStore({}, { db: role })
  })
  afterAll(async () => {
    await role?.close()
    const admin = openPg({ url: server ?? '', max: 1 })
    await admin.script(`drop database if exists ${name} with (force)`)
    await admin.close()
  })

  test('appends, proves, erases and audits', async () => {
    await store.tell(300)
    await store.tell(5, '/registries/ninefold/teg')
    const body = { index: 3, reason: 'asked for by its subject' }
    expect((await store.api.post('/events/erasures', body, { token: STORE_TOKEN })).status).toBe(200)
    expect((await store.api.get('/proofs/receipt', { query: { index: '3' } })).status).toBe(200)
    const audit = await store.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ size: 305, erased: 1, intact: true })
  })

  test.each([
    "update event_store.entries set type = 'x'",
    'update event_store.entries set salt = null, payload = null where index = 1',
    'delete from event_store.entries',
    'truncate event_store.entries cascade',
    'update event_store.tiles set root = hashes',
    "update event_store.log_head set origin = 'x'",
    'update event_store.log_head set size = 0',
    'delete from event_store.log_head',
    'update event_store.sources set last_sequence = 0',
    'delete from event_store.erasures',
    'update event_store.server_keys set private_key = name',
    'alter table event_store.entries disable trigger all',
    'drop trigger guard_change on event_store.entries',
    "set session_replication_role = 'replica'",
    'create table event_store.more (a integer)',
  ])('is refused %s', async (statement) => {
    await expect(role.query(statement)).rejects.toThrow(
      /permission denied|must be owner|append-only|only grows/,
    )
  })
})
