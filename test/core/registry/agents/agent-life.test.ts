import { beforeAll, describe, expect, test } from 'vitest'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'
import { card10 } from './sample-cards.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})

type Envelope = ReturnType<typeof JSON.parse>
const publish = async (who = alice): Promise<Envelope> => {
  const answer = await system.api.post('/agents', { card: card10() }, { token: who.token })
  expect(answer.status).toBe(201)
  return answer.body
}
const read = async (id: string): Promise<Envelope> => (await system.api.get(`/agents/${id}`)).body
const put = (id: string, card: unknown, ifMatch?: string, who = alice) =>
  system.api.put(
    `/agents/${id}/card`,
    { card },
    { token: who.token, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } },
  )
const setStatus = (id: string, body: unknown, token = alice.token) =>
  system.api.patch(`/agents/${id}/status`, body, { token })
const retire = (id: string, options: { ifMatch?: string; moveTo?: string; who?: TestDeveloper } = {}) =>
  system.api.delete(`/agents/${id}`, {
    token: (options.who ?? alice).token,
    headers: options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch },
    ...(options.moveTo ? { query: { move_balance_to: options.moveTo } } : {}),
  })
const fund = async (agent: string, amount = '5') => {
  const outcome = await system.registry.teg.command(registryContext(system.registry), {
    op: 'grant',
    developer: crypto.randomUUID(),
    agent,
    amount,
    budget_per_day: '1000000',
  })
  expect(outcome.ok).toBe(true)
}
const available = async (id: string) =>
  (await system.api.get(`/agents/${id}/balance`, { token: OPERATOR_KEY })).body.available
const unsettled = async (id: string) => {
  const [row] = await system.registry.db.query<{ open: boolean; intent: { status: string } | null }>(
    'select teg_sequence < sequence as open, intent from registry.agents where id = $1',
    [id],
  )
  return row
}
const code = (answer: { status: number; body: { code?: string } }) => [answer.status, answer.body?.code]

describe('PUT /agents/{id}/card', () => {
  test('puts a new version under If-Match: sequence, etag, digest, signature and hosted card follow', async () => {
    const before = await publish()
    system.clock.advance(1000)
    const answer = await put(before.id, card10({ version: '2' }), before.card_etag)
    expect(answer.status).toBe(200)
    const { body } = answer
    expect(body).toMatchObject({ sequence: 2, card_version: '2', created_at: before.created_at })
    for (const field of ['card_etag', 'card_digest', 'registry_signature', 'updated_at'])
      expect(body[field]).not.toBe(before[field])
    expect(await read(before.id)).toEqual(body)
    const versions = await system.api.get(`/agents/${before.id}/versions`)
    expect(versions.body.items.map((one: Envelope) => [one.sequence, one.card_version])).toEqual([
      [2, '2'],
      [1, '1.2.0'],
    ])
    const first = await system.api.get(`/agents/${before.id}/versions`, { query: { limit: '1' } })
    const second = await system.api.get(`/agents/${before.id}/versions`, {
      query: { limit: '1', cursor: first.body.next_cursor },
    })
    expect([...first.body.items, ...second.body.items]).toEqual(versions.body.items)
    expect(second.body.next_cursor).toBeNull()
    expect(await unsettled(before.id)).toEqual({ open: false, intent: null })
    expect(code(await system.api.get(`/agents/${before.id}/versions/9`))).toEqual([404, 'agent_not_found'])
  })

  test('answers 428 precondition_required without If-Match and 412 precondition_failed with an old one', async () => {
    const agent = await publish()
    expect(code(await put(agent.id, card10()))).toEqual([428, 'precondition_required'])
    await put(agent.id, card10({ version: '2' }), '*')
    expect(code(await put(agent.id, card10(), agent.card_etag))).toEqual([412, 'precondition_failed'])
    expect(code(await put(agent.id, card10(), `W/${agent.card_etag}`))).toEqual([412, 'precondition_failed'])
    const now = await read(agent.id)
    expect((await put(agent.id, card10(), `"x", ${now.card_etag}`)).status).toBe(200)
    const later = await read(agent.id)
    expect((await put(agent.id, card10(), later.card_etag.replaceAll('"', ''))).status).toBe(200)
  })

  test('lets one of two writers with the same If-Match through', async () => {
    const agent = await publish()
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((version) => put(agent.id, card10({ version }), agent.card_etag)),
    )
    expect(answers.map((one) => one.status).sort()).toEqual([200, 412, 412])
    expect((await read(agent.id)).sequence).toBe(2)
  })

  test('a repeat with the same Idempotency-Key gives the first envelope and makes no second version', async () => {
    const agent = await publish()
    const headers = { 'if-match': agent.card_etag }
    const put = () =>
      system.api.put(
        `/agents/${agent.id}/card`,
        { card: { ...card10(), version: '2.1' } },
        { token: alice.token, key: 'put-once', headers },
      )
    const [first, again] = [await put(), await put()]
    expect([first.status, first.body.sequence]).toEqual([200, 2])
    expect([again.status, again.text]).toEqual([200, first.text])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect((await system.api.get(`/agents/${agent.id}`)).body.sequence).toBe(2)
  })

  test('answers 403 not_owner to others, 404 agent_not_found for none, 400 for a bad card', async () => {
    const agent = await publish()
    expect(code(await put(agent.id, card10(), '*', bob))).toEqual([403, 'not_owner'])
    expect(code(await put(crypto.randomUUID(), card10(), '*'))).toEqual([404, 'agent_not_found'])
    expect(code(await put('did:web:other.example:api:v1:agents:x', card10(), '*'))).toEqual([
      404,
      'agent_not_found',
    ])
    expect(code(await put(agent.did.replace('127', '128'), card10(), '*'))).toEqual([404, 'agent_not_found'])
    expect(code(await put(agent.id, {}, '*'))).toEqual([400, 'validation_failed'])
    expect(code(await put(agent.id, card10({ x: 'x'.repeat(66_000) }), '*'))).toEqual([
      413,
      'payload_too_large',
    ])
  })
})

describe('PATCH /agents/{id}/status', () => {
  test('deprecates and revives without asking the TEG, under a new sequence each time', async () => {
    const agent = await publish()
    const deprecated = await setStatus(agent.id, { status: 'deprecated', reason: 'use the new one' })
    expect(deprecated.body).toMatchObject({ status: 'deprecated', sequence: 2, card_etag: agent.card_etag })
    expect((await setStatus(agent.id, { status: 'active' })).body).toMatchObject({
      status: 'active',
      sequence: 3,
    })
    expect((await setStatus(agent.id, { status: 'active' })).body.sequence).toBe(3)
  })

  test('suspends at the TEG first: a suspended agent can neither pay nor be paid', async () => {
    const [agent, other] = [await publish(), await publish()]
    await fund(agent.id)
    expect((await setStatus(agent.id, { status: 'suspended' })).body).toMatchObject({
      status: 'suspended',
      sequence: 2,
    })
    expect(await unsettled(agent.id)).toEqual({ open: false, intent: null })
    const pay = await system.registry.teg.command(registryContext(system.registry), {
      op: 'transfer',
      key: 'k',
      hash: '0'.repeat(64),
      from_agent: agent.id,
      to_agent: other.id,
      amount: '1',
      memo: null,
      reference: null,
      quote: null,
      limits: null,
    })
    expect(pay.error?.code).toBe('agent_not_active')
    expect((await setStatus(agent.id, { status: 'active' })).body).toMatchObject({
      status: 'active',
      sequence: 3,
    })
  })

  test('an operator may suspend any agent, and its owner can not lift it: 403 suspended_by_operator', async () => {
    const agent = await publish()
    await setStatus(agent.id, { status: 'suspended', reason: 'spam' }, OPERATOR_KEY)
    expect(code(await setStatus(agent.id, { status: 'active' }))).toEqual([403, 'suspended_by_operator'])
    expect(code(await retire(agent.id, { ifMatch: '*' }))).toEqual([403, 'suspended_by_operator'])
    expect((await put(agent.id, card10({ version: '2' }), '*')).status).toBe(200)
    expect((await setStatus(agent.id, { status: 'active' }, OPERATOR_KEY)).body.status).toBe('active')
    await setStatus(agent.id, { status: 'suspended' })
    await setStatus(agent.id, { status: 'suspended' }, OPERATOR_KEY)
    expect(code(await setStatus(agent.id, { status: 'active' }))).toEqual([403, 'suspended_by_operator'])
  })

  test('answers 403 not_owner to others and 400 for retired, which only DELETE makes', async () => {
    const agent = await publish()
    expect(code(await setStatus(agent.id, { status: 'suspended' }, bob.token))).toEqual([403, 'not_owner'])
    expect(code(await setStatus(agent.id, { status: 'retired' }))).toEqual([400, 'validation_failed'])
  })

  test('suspended agents are read by name, yet stand in no public list', async () => {
    const agent = await publish()
    await setStatus(agent.id, { status: 'suspended' })
    expect((await read(agent.id)).status).toBe('suspended')
    const ids = async (options: object) =>
      (await system.api.get('/agents?limit=200', options)).body.items.map((one: Envelope) => one.id)
    expect(await ids({})).not.toContain(agent.id)
    const mine = await system.api.get('/agents', {
      token: alice.token,
      query: { mine: 'true', limit: '200' },
    })
    expect(mine.body.items.map((one: Envelope) => one.id)).toContain(agent.id)
  })
})

describe('DELETE /agents/{id}', () => {
  test('retires: 204, then the envelope is a tombstone, the hosted card 404, a second DELETE 204', async () => {
    const agent = await publish()
    expect(code(await retire(agent.id))).toEqual([428, 'precondition_required'])
    expect(code(await retire(agent.id, { ifMatch: '"old"' }))).toEqual([412, 'precondition_failed'])
    expect(code(await retire(agent.id, { ifMatch: '*', who: bob }))).toEqual([403, 'not_owner'])
    expect((await retire(agent.id, { ifMatch: agent.card_etag })).status).toBe(204)
    expect(await read(agent.id)).toMatchObject({ status: 'retired', sequence: 2, card: agent.card })
    const hosted = await system.api.get(`/agents/${agent.id}/.well-known/agent-card.json`)
    expect(code(hosted)).toEqual([404, 'agent_not_found'])
    expect((await retire(agent.id)).status).toBe(204)
    expect(code(await setStatus(agent.id, { status: 'active' }))).toEqual([409, 'agent_not_active'])
    expect(code(await put(agent.id, card10(), '*'))).toEqual([409, 'agent_not_active'])
    const types = await system.registry.db.query<{ type: string }>(
      'select type from registry.outbox where subject = $1 order by position',
      [`agents/${agent.id}`],
    )
    expect(types.map((one) => one.type)).toEqual(['agent.published', 'agent.retired'])
    const did = await system.api.get(`/agents/${agent.id}/did.json`)
    expect(did.body.service).toBeUndefined()
    expect(did.body.verificationMethod).toHaveLength(1)
  })

  test('answers 409 agent_not_empty with AVT left, and moves it to another agent of the owner', async () => {
    const [agent, heir, stranger] = [await publish(), await publish(), await publish(bob)]
    await fund(agent.id, '7')
    const refused = await retire(agent.id, { ifMatch: '*' })
    expect(code(refused)).toEqual([409, 'agent_not_empty'])
    expect(await unsettled(agent.id)).toEqual({ open: false, intent: null })
    expect((await read(agent.id)).status).toBe('active')
    const of = (moveTo: string) => retire(agent.id, { ifMatch: '*', moveTo })
    expect(code(await of(agent.id))).toEqual([422, 'same_agent'])
    expect(code(await of(stranger.id))).toEqual([403, 'not_owner'])
    expect(code(await of(crypto.randomUUID()))).toEqual([404, 'agent_not_found'])
    const before = Number(await available(heir.id))
    expect((await of(heir.did)).status).toBe(204)
    expect([await available(agent.id), Number(await available(heir.id)) - before]).toEqual(['0', 7])
  })
})
