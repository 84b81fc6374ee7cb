/** The x402 facade, asked by the public client of the protocol over a socket, and by hand where that client can't go. */
import { HTTPFacilitatorClient } from '@x402/core/http'
import { PaymentPayloadV2Schema, PaymentRequirementsV2Schema } from '@x402/core/schemas'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { type System, startSystem } from '#test/support/system.ts'
import { x402Payload } from '../../../sdk/src/index.ts'

const NETWORK = 'registry:ninefold' as const
let system: System
let alice: TestDeveloper
let bob: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent
let facilitator: HTTPFacilitatorClient
let base: string
let serial = 0
let stop: () => Promise<void>

const clientOf = (token: string) => {
  const headers = { Authorization: `Bearer ${token}` }
  return new HTTPFacilitatorClient({
    url: `${base}/api/v1/x402`,
    createAuthHeaders: async () => ({ verify: headers, settle: headers, supported: {} }),
  })
}
const requirements = (fields: object = {}) => ({
  scheme: 'exact',
  network: NETWORK,
  amount: '2500000',
  asset: 'AVT',
  payTo: payee.did,
  maxTimeoutSeconds: 60,
  extra: {},
  ...fields,
})
const tokenFor = async (amount = '2.5', expires_in = 600) => {
  const body = { payer_agent: payer.id, payee_agent: payee.id, amount, expires_in, task_ref: 'GET /weather' }
  const made = await system.api.post('/payments/tokens', body, { token: alice.token, key: `x-${++serial}` })
  expect(made.status, made.text).toBe(201)
  return made.body as { token: string; id: string }
}
const payment = async (amount?: string, expires?: number) =>
  x402Payload((await tokenFor(amount, expires)).token, requirements())
const ask = (path: 'verify' | 'settle', body: unknown, token: string | undefined = bob.token) =>
  system.api.post(`/x402/${path}`, body, token ? { token } : {})
const bodyOf = (paymentPayload: object, paymentRequirements: object = requirements()) => ({
  x402Version: 2,
  paymentPayload,
  paymentRequirements,
})
const total = async (agent: string) =>
  Number((await system.registry.teg.balance(registryContext(system.registry), agent))?.total ?? 0)

beforeAll(async () => {
  system = await startSystem()
  await postFees(registryContext(system.registry))
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  payer = await seedAgent(system, alice.account)
  payee = await seedAgent(system, bob.account)
  await seedGrant(system, alice.account, payer.id, 1_000_000_000n)
  expect(await payGrant(registryContext(system.registry), alice.account, 30_000)).toBe('granted')
  const server = toNode({ fetch: (request) => system.api.raw(request) }, { newId: () => crypto.randomUUID() })
  base = `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}`
  stop = () => closeServer(server, 0)
  facilitator = clientOf(bob.token)
})
afterAll(() => stop())

describe('the public client of x402', () => {
  test('reads what is supported: exact on this registry, and who signs', async () => {
    const supported = await facilitator.getSupported()
    expect(supported.kinds).toEqual([
      { x402Version: 2, scheme: 'exact', network: NETWORK, extra: expect.any(Object) },
    ])
    const jwks = (await system.api.get('/.well-known/jwks.json')).body.keys.map(
      (key: { kid: string }) => key.kid,
    )
    expect(supported.signers[NETWORK]).toHaveLength(1)
    expect(jwks).toContain(supported.signers[NETWORK]?.[0])
  })

  test('verifies and settles a payment whose shapes are those of its own schemas', async () => {
    const before = [await total(payer.id), await total(payee.id)]
    const paid = await payment()
    expect(PaymentPayloadV2Schema.parse(paid)).toBeTruthy()
    expect(PaymentRequirementsV2Schema.parse(paid.accepted)).toBeTruthy()
    const wanted = requirements()
    expect(await facilitator.verify(paid as never, wanted)).toEqual({ isValid: true, payer: payer.did })
    const settled = await facilitator.settle(paid as never, wanted)
    expect(settled).toMatchObject({ success: true, payer: payer.did, network: NETWORK, amount: '2500000' })
    const transfer = await system.api.get(`/transfers/${settled.transaction}`, { token: bob.token })
    expect(transfer.body).toMatchObject({ status: 'completed', amount: '2.5', net: '2.4875' })
    expect((before[0] ?? 0) - (await total(payer.id))).toBeCloseTo(2.5, 6)
    expect((await total(payee.id)) - (before[1] ?? 0)).toBeCloseTo(2.4875, 6)
  })

  test('settles again with the same nonce: the same transaction, no second effect, also when the token is over', async () => {
    const paid = await payment()
    const first = await facilitator.settle(paid as never, requirements())
    const before = await total(payer.id)
    system.clock.advance(601_000)
    expect(await facilitator.settle(paid as never, requirements())).toEqual(first)
    const replay = await ask('settle', bodyOf(paid))
    expect(replay.headers.get('idempotency-replayed')).toBe('true')
    expect(await total(payer.id)).toBe(before)
    expect(await facilitator.verify(paid as never, requirements())).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_transaction_state',
    })
  })

  test('hears that another nonce can not settle a token twice, and one nonce not two tokens', async () => {
    const { token } = await tokenFor()
    const one = x402Payload(token, requirements())
    const two = x402Payload(token, requirements())
    const answers = await Promise.all(
      [one, two].map((paid) => facilitator.settle(paid as never, requirements())),
    )
    expect(answers.map(({ success }) => success).sort()).toEqual([false, true])
    expect(answers.find(({ success }) => !success)).toMatchObject({
      errorReason: 'invalid_transaction_state',
      transaction: '',
      network: NETWORK,
      payer: payer.did,
    })
    const other = await payment()
    other.payload.authorization.nonce = (answers[0]?.success ? one : two).payload.authorization.nonce
    expect(await facilitator.settle(other as never, requirements())).toMatchObject({
      success: false,
      errorReason: 'nonce_already_used',
    })
  })

  test('hears in x402 words what is wrong with the credential', async () => {
    const paid = await payment()
    for (const [client, status, reason] of [
      [clientOf(alice.token), 403, 'audience_mismatch'],
      [clientOf('nfk_unknown'), 401, 'unauthenticated'],
    ] as const) {
      await expect(client.verify(paid as never, requirements())).rejects.toMatchObject({
        statusCode: status,
        invalidReason: reason,
      })
      await expect(client.settle(paid as never, requirements())).rejects.toMatchObject({
        statusCode: status,
        errorReason: reason,
        transaction: '',
      })
    }
  })
})

describe('what is no good payment', () => {
  test('an expired token is told by its time', async () => {
    const paid = await payment('2.5', 10)
    system.clock.advance(10_000)
    const reason = 'invalid_exact_registry_payload_authorization_valid_before'
    expect((await ask('verify', bodyOf(paid))).body).toMatchObject({ isValid: false, invalidReason: reason })
    expect((await ask('settle', bodyOf(paid))).body).toMatchObject({ success: false, errorReason: reason })
  })

  test('a suspended party is told by verify as by settle', async () => {
    const paid = await payment()
    const change = (status: string) =>
      system.api.patch(`/agents/${payee.id}/status`, { status }, { token: bob.token })
    expect((await change('suspended')).status).toBe(200)
    const [reason, message] = ['invalid_transaction_state', 'The payee is not active.']
    expect((await ask('verify', bodyOf(paid))).body).toMatchObject({
      isValid: false,
      invalidReason: reason,
      invalidMessage: message,
      payer: payer.did,
    })
    expect((await ask('settle', bodyOf(paid))).body).toMatchObject({
      success: false,
      errorReason: reason,
      errorMessage: message,
    })
    await change('active')
  })

  test('a forged token, another amount and another network are told apart', async () => {
    const paid = await payment()
    const forged = structuredClone(paid)
    forged.payload.signature = `${paid.payload.signature.slice(0, -20)}${'A'.repeat(20)}`
    const cheap = x402Payload((await tokenFor('1')).token, requirements())
    const elsewhere = requirements({ network: 'eip155:8453' })
    for (const [body, reason] of [
      [bodyOf(forged), 'invalid_exact_registry_payload_signature'],
      [bodyOf(cheap), 'invalid_exact_registry_payload_authorization_value_mismatch'],
      [bodyOf(paid, elsewhere), 'invalid_network'],
      [bodyOf(paid, requirements({ payTo: payer.did })), 'invalid_payload'],
    ] as const) {
      const verified = await ask('verify', body)
      expect([verified.status, verified.body.invalidReason]).toEqual([200, reason])
      const settled = await ask('settle', body)
      expect([settled.status, settled.body.errorReason, settled.body.transaction]).toEqual([200, reason, ''])
    }
  })

  test('a body that is none answers 400 in the shape of x402', async () => {
    for (const body of [{}, { paymentPayload: 1 }, 'no json', []]) {
      const verified = await ask('verify', body)
      expect(verified).toMatchObject({
        status: 400,
        body: { isValid: false, invalidReason: 'invalid_payload' },
      })
      const settled = await ask('settle', body)
      expect(settled).toMatchObject({
        status: 400,
        body: { success: false, errorReason: 'invalid_payload', transaction: '' },
      })
    }
  })
})
