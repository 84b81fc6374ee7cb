import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RegistryContext } from '#core/registry/context.ts'
import { refreshLexicon } from '#core/registry/discovery/refresh-lexicon.ts'
import { reactorStore } from '#core/registry/stream/reactor-store.ts'
import type { Reactor } from '#core/runtime/define-reactor.ts'
import { RETRY_SECONDS, runReactor } from '#core/runtime/run-reactors.ts'
import indexAgents from '#functions/reactors/index-agents.ts'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { journalOf } from '#test/support/journal.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const system = await startSystem()
const { api, registry, clock } = system
const journal = journalOf(registry)
const token = OPERATOR_KEY
let alice: TestDeveloper
let broken = true
const acted: number[] = []
const reactor: Reactor<RegistryContext> = {
  on: 'odd.*',
  async run(_ctx, event) {
    if (broken) throw new Error('the other side is away')
    acted.push(Number(event.index))
    return undefined
  },
}
const run = async (name: string, one: Reactor<RegistryContext>) => {
  while ((await runReactor(journal.open(), reactorStore, name, one)).more);
}

beforeAll(async () => {
  const developer = await registerDeveloper(system)
  // A key: sessions end when the clock is moved.
  const made = await api.post('/auth/api-keys', { name: 'test', scopes: ['*'] }, { token: developer.token })
  alice = { ...developer, token: made.body.secret }
})
afterAll(() => registry.feed.close())

describe('parked events', () => {
  let head = 0
  beforeAll(async () => {
    head = await journal.tell({ type: 'odd.one' }, { type: 'odd.two' }, { type: 'even.one' })
    for (let i = 0; i < 2 * (RETRY_SECONDS.length + 1); i++) {
      await run('odd', reactor)
      clock.advance(200_000)
    }
  })

  test('are listed for operators with their error, oldest first and by pages', async () => {
    const path = '/operator/reactors/odd/parked'
    const first = await api.get(path, { token, query: { limit: '1' } })
    expect(first.body).toEqual({
      items: [
        {
          index: head - 2,
          type: 'odd.one',
          subject: 'agents/1',
          error: 'Error: the other side is away',
          attempts: RETRY_SECONDS.length + 1,
          parked_at: expect.any(String),
          replay_at: null,
        },
      ],
      next_cursor: String(head - 2),
    })
    const second = await api.get(path, { token, query: { limit: '1', cursor: first.body.next_cursor } })
    expect(second.body).toMatchObject({ items: [{ index: head - 1 }], next_cursor: null })
    const { items } = (await api.get('/operator/reactors', { token })).body
    expect(items).toContainEqual(
      expect.objectContaining({ name: 'odd', index: head, head, parked: 2, attempts: 0 }),
    )
  })

  test('are tried again when an operator says so; what fails again stands there again with the new error', async () => {
    const path = `/operator/reactors/odd/parked/${head - 2}/replay`
    expect((await api.post(path, undefined, { token })).body).toEqual({ replayed: 1 })
    await run('odd', reactor)
    const listed = async () => (await api.get('/operator/reactors/odd/parked', { token })).body.items
    expect((await listed())[0]).toMatchObject({ attempts: RETRY_SECONDS.length + 2, replay_at: null })
    broken = false
    await api.post('/operator/reactors/odd/parked/replay', undefined, { token })
    await run('odd', reactor)
    expect(acted).toEqual([head - 2, head - 1])
    expect(await listed()).toEqual([])
    await run('odd', reactor)
    expect(acted).toHaveLength(2)
  })

  test('can be dropped; one that is not there answers 404 not_found', async () => {
    broken = true
    const index = await journal.tell({ type: 'odd.three' })
    for (let i = 0; i <= RETRY_SECONDS.length; i++) {
      await run('odd', reactor)
      clock.advance(200_000)
    }
    const path = `/operator/reactors/odd/parked/${index}`
    expect((await api.delete(path, { token })).status).toBe(204)
    for (const answer of [
      await api.delete(path, { token }),
      await api.post(`${path}/replay`, undefined, { token }),
      await api.get('/operator/reactors/none/parked', { token }),
      await api.post('/operator/reactors/none/replay', { from: 1 }, { token }),
    ])
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    broken = false
  })

  test('are nobody else’s business', async () => {
    expect((await api.get('/operator/reactors', { token: alice.token })).status).toBe(403)
    expect((await api.get('/operator/reactors')).status).toBe(401)
  })
})

describe('a replay', () => {
  test('takes the journal again from any index, and stands in the audit trail', async () => {
    acted.length = 0
    const head = await journal.tell({ type: 'odd.four' }, { type: 'odd.five' })
    await run('odd', reactor)
    const answer = await api.post('/operator/reactors/odd/replay', { from: head }, { token })
    expect(answer.body).toMatchObject({ name: 'odd', index: head - 1 })
    await run('odd', reactor)
    expect(acted).toEqual([head - 1, head, head])
    const acts = await registry.db.query('select object from registry.audit_trail where act = $1', [
      'reactor.replay',
    ])
    expect(acts).toEqual([{ object: 'reactors/odd' }])
  })

  test('beyond the head answers 422 out_of_bounds', async () => {
    const answer = await api.post('/operator/reactors/odd/replay', { from: 1_000_000 }, { token })
    expect([answer.status, answer.body.code]).toEqual([422, 'out_of_bounds'])
  })

  test('from the first index into an empty search index gives the very same index', async () => {
    const made: string[] = []
    for (const name of ['Weather', 'Translator', 'Bookkeeper', 'Gone', 'Paused']) {
      const answer = await api.post('/agents', { card: card10({ name }) }, { token: alice.token })
      made.push(answer.body.id)
      clock.advance(1000)
    }
    const [first, second, , gone, paused] = made
    const change = (id: string | undefined, card: object) =>
      api.put(`/agents/${id}/card`, { card }, { token: alice.token, headers: { 'if-match': '*' } })
    expect((await change(first, card10({ name: 'Weather and tides', version: '2.0' }))).status).toBe(200)
    expect((await change(first, card10({ name: 'Tides', version: '3.0' }))).status).toBe(200)
    const status = { status: 'deprecated', reason: 'old' }
    await api.patch(`/agents/${second}/status`, status, { token: alice.token })
    await api.patch(
      `/agents/${paused}/status`,
      { status: 'suspended', reason: 'away' },
      { token: alice.token },
    )
    await api.delete(`/agents/${gone}`, { token: alice.token, headers: { 'if-match': '*' } })
    await journal.drain()
    const cards = () =>
      registry.db.query(
        `select did, agent, envelope, owner, name, name_key, status, sequence, search::text, tags, skills,
           skill_names, skill_keys, input_modes, output_modes, bindings, provider, provider_key, signature_status,
           origin_registry, country, latitude, longitude, geohash, reputation, completeness, quality, updated_at,
           indexed_at, visible
         from registry.discovery_cards order by did`,
      )
    // Counted anew, the dictionary holds what the cards hold and nothing that once was.
    const terms = async () => {
      for (let round = 0; round < 2; round++) await refreshLexicon(journal.open())
      return registry.db.query(
        'select kind, key, text, cards from registry.discovery_terms order by kind, text',
      )
    }
    await run('index-agents', indexAgents)
    const before = { cards: await cards(), terms: await terms() }
    expect(before.cards).toHaveLength(5)
    await registry.db.query('delete from registry.discovery_cards')
    await registry.db.query('delete from registry.discovery_terms')
    await run('index-agents', indexAgents)
    expect(await cards()).toEqual([])
    await api.post('/operator/reactors/index-agents/replay', { from: 1 }, { token })
    await run('index-agents', indexAgents)
    expect(await cards()).toEqual(before.cards)
    expect(await terms()).toEqual(before.terms)
    const found = await api.get('/discovery/agents', { query: { q: 'tides' } })
    expect(found.body.items.map(({ id }: { id: string }) => id)).toEqual([first])
  })
})
