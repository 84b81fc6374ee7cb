/** Peers in quarantine: who may put them there, what they meet, who sees it. */
import { beforeAll, expect, test } from 'vitest'
import type { PeerCaller } from '#core/base/caller.ts'
import { withoutQuarantined } from '#core/registry/quarantine/find-quarantined.ts'
import { QUARANTINED_MAX } from '#core/registry/quarantine/quarantine-peer.ts'
import { registerDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
const token = OPERATOR_KEY
const PATH = '/federation/quarantine'
const put = (spiffe_id: string, key?: string) =>
  system.api.post(PATH, { spiffe_id, reason: 'floods us' }, { token, ...(key ? { key } : {}) })
const peer = (registry: string, trustDomain = 'example.com'): PeerCaller => ({
  kind: 'peer',
  spiffeId: `spiffe://${trustDomain}/registry/${registry}`,
  trustDomain,
  registry,
})
const ping = (who: PeerCaller) => system.apiOf(who).get('/federation/ping')

beforeAll(async () => {
  system = await startSystem({ REGISTRY_NAME: 'north' })
})

test('refuses a peer by its ID from the next request on, and nobody beside it, until it is lifted', async () => {
  expect((await ping(peer('south'))).status).toBe(200)
  const { body, status } = await put('spiffe://example.com/registry/south')
  expect(status).toBe(201)
  expect(body).toMatchObject({
    spiffe_id: 'spiffe://example.com/registry/south',
    reason: 'floods us',
    actor: 'operator:preset',
  })
  const refused = await ping(peer('south'))
  expect(refused).toMatchObject({ status: 403, body: { code: 'peer_quarantined' } })
  // Why is for operators.
  expect(refused.text).not.toContain('floods us')
  for (const other of [peer('south-2'), peer('sout'), peer('south', 'other.example')])
    expect((await ping(other)).status).toBe(200)
  expect((await system.api.delete(`${PATH}/${body.id}`, { token })).status).toBe(204)
  expect((await ping(peer('south'))).status).toBe(200)
  expect((await system.api.delete(`${PATH}/${body.id}`, { token })).status).toBe(404)
})

test('refuses everybody of a trust domain that is named as a whole', async () => {
  const { body } = await put('spiffe://west.example')
  expect((await ping(peer('a', 'west.example'))).body.code).toBe('peer_quarantined')
  expect((await ping(peer('a', 'a.west.example'))).status).toBe(200)
  await system.api.delete(`${PATH}/${body.id}`, { token })
})

test('whom it names is not among those that nginx-federation may reach, nor is anybody of a named domain', async () => {
  const peers = [
    'spiffe://a.example/registry/a',
    'spiffe://a.example/registry/b',
    'spiffe://b.example/registry/a',
  ].map((spiffe_id) => ({ spiffe_id }))
  const left = async () =>
    (await withoutQuarantined(system.registry.db, peers)).map(({ spiffe_id }) => spiffe_id)
  expect(await left()).toHaveLength(3)
  const one = await put('spiffe://a.example/registry/a')
  expect(await left()).toEqual(['spiffe://a.example/registry/b', 'spiffe://b.example/registry/a'])
  const all = await put('spiffe://b.example')
  expect(await left()).toEqual(['spiffe://a.example/registry/b'])
  for (const { body } of [one, all]) await system.api.delete(`${PATH}/${body.id}`, { token })
  expect(await left()).toHaveLength(3)
})

test('shuts a peer out of public routes of its port too, and changes nothing for local callers', async () => {
  const { body } = await put('spiffe://example.com/registry/east')
  expect((await system.apiOf(peer('east')).get('/federation/identity')).body.code).toBe('peer_quarantined')
  expect((await system.api.get('/federation/identity')).status).toBe(200)
  await system.api.delete(`${PATH}/${body.id}`, { token })
})

test('is listed by pages, newest first', async () => {
  const ids: string[] = []
  for (const name of ['p1', 'p2', 'p3']) {
    system.clock.advance(1000)
    ids.unshift((await put(`spiffe://pages.example/registry/${name}`)).body.id)
  }
  const first = await system.api.get(PATH, { token, query: { limit: '2' } })
  const second = await system.api.get(PATH, { token, query: { limit: '2', cursor: first.body.next_cursor } })
  expect([...first.body.items, ...second.body.items].map(({ id }) => id)).toEqual(ids)
  expect(second.body.next_cursor).toBeNull()
  for (const id of ids) await system.api.delete(`${PATH}/${id}`, { token })
})

test('the same identity twice answers 409 already_quarantined, its repeat under one key the first answer', async () => {
  const first = await put('spiffe://twice.example/registry/a', 'twice')
  const again = await put('spiffe://twice.example/registry/a', 'twice')
  expect([again.status, again.body]).toEqual([201, first.body])
  expect(await put('spiffe://twice.example/registry/a')).toMatchObject({
    status: 409,
    body: { code: 'already_quarantined' },
  })
  await system.api.delete(`${PATH}/${first.body.id}`, { token })
})

test.each([
  'north',
  'https://example.com',
  'spiffe://',
  'spiffe://Example.com/x',
  'spiffe://example.com/',
  'spiffe://a/../b',
])('%s is no SPIFFE ID: 400 validation_failed', async (text) => {
  expect(await put(text)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
})

test('is for operators alone', async () => {
  const developer = await registerDeveloper(system)
  for (const options of [{ token: developer.token }, {}]) {
    const status = 'token' in options ? 403 : 401
    expect((await system.api.get(PATH, options)).status).toBe(status)
    const body = { spiffe_id: 'spiffe://example.com/registry/x', reason: 'x' }
    expect((await system.api.post(PATH, body, options)).status).toBe(status)
  }
  expect((await system.apiOf(peer('south')).get(PATH)).body.code).toBe('insufficient_scope')
})

test('every act stands in the audit trail and is told as an event', async () => {
  const { body } = await put('spiffe://trail.example')
  await system.api.delete(`${PATH}/${body.id}`, { token })
  const trail = await system.registry.db.query<{ act: string; after: unknown }>(
    'select act, after from registry.audit_trail where object = $1 order by position',
    [`quarantine/${body.id}`],
  )
  expect(trail).toEqual([
    { act: 'quarantine.add', after: { spiffe_id: 'spiffe://trail.example', reason: 'floods us' } },
    { act: 'quarantine.lift', after: null },
  ])
  const told = await system.registry.db.query<{ type: string; audience: unknown }>(
    'select type, audience from registry.outbox where subject = $1 order by position',
    [`quarantine/${body.id}`],
  )
  expect(told).toEqual([
    { type: 'peer.quarantined', audience: [] },
    { type: 'peer.released', audience: [] },
  ])
})

test('holds no more than it may: 409 quarantine_full', async () => {
  await system.registry.db.query(
    `insert into registry.quarantine (id, spiffe_id, reason, actor, created_at)
     select gen_random_uuid(), 'spiffe://full.example/registry/n' || n, 'x', 'test', now() from generate_series(1, $1::int4) n`,
    [QUARANTINED_MAX],
  )
  expect(await put('spiffe://one-more.example')).toMatchObject({
    status: 409,
    body: { code: 'quarantine_full' },
  })
})
