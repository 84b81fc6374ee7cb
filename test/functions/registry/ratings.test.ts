import { beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { journalOf } from '#test/support/journal.ts'
import type { Answer } from '#test/support/request.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper
let carol: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent
let serial = 0

const pay = async (): Promise<string> => {
  const order = { from_agent: payer.id, to_agent: payee.id, amount: '1' }
  const key = `pay-${++serial}`
  return (await system.api.post('/transfers', order, { token: alice.token, key })).body.id
}
const rate = (id: string, body: unknown, token = alice.token, key?: string) =>
  system.api.post(`/transfers/${id}/rating`, body, { token, ...(key ? { key } : {}) })
const code = ({ status, body }: Answer) => [status, body.code]

beforeAll(async () => {
  system = await startSystem()
  await postFees(registryContext(system.registry))
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  carol = await registerDeveloper(system)
  payer = await seedAgent(system, alice.account)
  payee = await seedAgent(system, bob.account)
  await seedGrant(system, alice.account, payer.id, 1_000_000_000n)
  expect(await payGrant(registryContext(system.registry), alice.account, 30_000)).toBe('granted')
})

describe('POST /transfers/{id}/rating', () => {
  test('keeps the rating of the payer and answers it', async () => {
    const id = await pay()
    const answer = await rate(id, { score: 0.8, comment: 'as promised' })
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        transfer_id: id,
        from_agent: payer.id,
        to_agent: payee.id,
        to_did: payee.did,
        score: 0.8,
        comment: 'as promised',
        created_at: expect.any(String),
      },
    ])
  })

  test('once: another one answers 409 already_rated, the same key the first answer', async () => {
    const id = await pay()
    const first = await rate(id, { score: 1 }, alice.token, 'rate-1')
    expect([first.status, first.body.comment]).toEqual([200, null])
    const again = await rate(id, { score: 1 }, alice.token, 'rate-1')
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(again.body).toEqual(first.body)
    expect(code(await rate(id, { score: 0 }, alice.token, 'rate-1'))).toEqual([422, 'idempotency_key_reused'])
    expect(code(await rate(id, { score: 1 }))).toEqual([409, 'already_rated'])
  })

  test('ten at once: one is kept', async () => {
    const id = await pay()
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => rate(id, { score: i / 10 })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body.code))).toEqual(
      new Set(['already_rated']),
    )
  })

  test('the payee is told not_owner, everybody else 404; operators see it and may not rate it', async () => {
    const id = await pay()
    expect(code(await rate(id, { score: 1 }, bob.token))).toEqual([403, 'not_owner'])
    expect(code(await rate(id, { score: 1 }, carol.token))).toEqual([404, 'not_found'])
    expect(code(await rate(id, { score: 1 }, OPERATOR_KEY))).toEqual([403, 'insufficient_scope'])
    expect(code(await rate(crypto.randomUUID(), { score: 1 }))).toEqual([404, 'not_found'])
  })

  test('a refund can not be rated by anybody, and a genesis grant is no transfer', async () => {
    const id = await pay()
    const back = await system.api.post(`/transfers/${id}/refund`, {}, { token: bob.token, key: 'back-1' })
    expect(code(await rate(back.body.id, { score: 1 }, bob.token))).toEqual([409, 'not_rateable'])
    const page = await system.api.get(`/agents/${payer.id}/statement`, { token: alice.token })
    const grant = page.body.items.find((item: { kind: string }) => item.kind === 'genesis_grant')
    expect(code(await rate(grant.transfer_id, { score: 1 }))).toEqual([404, 'not_found'])
  })

  test('a payment by token is a transfer that can be rated', async () => {
    const order = { payer_agent: payer.id, payee_agent: payee.id, amount: '1', expires_in: 60 }
    const { body } = await system.api.post('/payments/tokens', order, { token: alice.token, key: 'token-1' })
    const redeemed = await system.api.post(
      '/payments/tokens/redeem',
      { token: body.token },
      { token: bob.token, key: 'token-1' },
    )
    expect((await rate(redeemed.body.transfer_id, { score: 0.5 })).status).toBe(200)
  })

  test.each([
    [{ score: -0.1 }],
    [{ score: 1.1 }],
    [{ score: '1' }],
    [{}],
    [{ score: 1, stars: 5 }],
    [{ score: 1, comment: 'x'.repeat(2001) }],
  ])('%o answers 400', async (body) => {
    expect(code(await rate(await pay(), body))).toEqual([400, 'validation_failed'])
  })

  test('a comment of 2000 characters beyond the first plane is kept; history can not be changed', async () => {
    const id = await pay()
    expect((await rate(id, { score: 1, comment: '🜁'.repeat(1000) })).status).toBe(200)
    for (const statement of ['update registry.ratings set score = 0', 'delete from registry.ratings'])
      await expect(system.registry.db.query(statement)).rejects.toThrow(/append-only/)
  })
})

test('both owners read the event transfer.rated, without the comment; nobody else does', async () => {
  const id = await pay()
  await rate(id, { score: 0.25, comment: 'private words' })
  await journalOf(system.registry).drain()
  const events = (token: string) =>
    system.api.get('/events', { token, query: { types: 'transfer.rated', limit: '200' } })
  for (const token of [alice.token, bob.token]) {
    const { body, text } = await events(token)
    const last = body.items.at(-1)
    expect(last.event ?? last).toMatchObject({ subject: `transfers/${id}`, data: { score: 0.25 } })
    expect(text).not.toContain('private words')
  }
  expect((await events(carol.token)).text).not.toContain('transfer.rated')
})
