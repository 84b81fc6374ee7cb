/** What verify says is what redeem does, whatever has become of the token and of its parties. */
import { afterEach, expect, test } from 'vitest'
import { codeOf, startPaymentWorld } from '#test/support/payment-world.ts'
import { x402Payload } from '../../../sdk/src/index.ts'

const { alice, bob, cancel, issued, payee, payer, read, redeem, system, verify } = await startPaymentWorld()

const setStatus = async (agent: string, token: string, status: string) => {
  const answer = await system.api.patch(`/agents/${agent}/status`, { status, reason: 'a test' }, { token })
  expect(answer.status, answer.text).toBe(200)
}
afterEach(async () => {
  await setStatus(payer.id, alice.token, 'active')
  await setStatus(payee.id, bob.token, 'active')
})

const cases: [string, [number, string | undefined], (token: { id: string; token: string }) => unknown][] = [
  ['that is good', [200, undefined], () => undefined],
  ['of a payer that is deprecated', [200, undefined], () => setStatus(payer.id, alice.token, 'deprecated')],
  ['that is redeemed', [409, 'token_redeemed'], ({ token }) => redeem(token)],
  ['that is cancelled', [409, 'token_cancelled'], ({ id }) => cancel(id)],
  ['whose time is over', [409, 'token_expired'], () => system.clock.advance(30_000)],
  [
    'whose payer is suspended',
    [409, 'agent_not_active'],
    () => setStatus(payer.id, alice.token, 'suspended'),
  ],
  ['whose payee is suspended', [409, 'agent_not_active'], () => setStatus(payee.id, bob.token, 'suspended')],
  [
    'that is redeemed and whose payer is suspended',
    [409, 'token_redeemed'],
    async ({ token }) => {
      await redeem(token)
      await setStatus(payer.id, alice.token, 'suspended')
    },
  ],
]

test.each(cases)('a token %s is verified and redeemed with the same word', async (_name, word, change) => {
  const token = await issued({ expires_in: 30 })
  await change(token)
  const verified = await verify(token.token)
  expect(codeOf(verified)).toEqual(word)
  const redeemed = await redeem(token.token)
  expect(codeOf(redeemed)).toEqual(word)
  expect(verified.body.detail).toBe(redeemed.body.detail)
})

test.each(cases)(
  'x402 verifies and settles a token %s with the same word',
  async (_name, [status], change) => {
    const token = await issued({ amount: '2.5', expires_in: 30 })
    const { network } = (await system.api.get('/x402/supported')).body.kinds[0]
    const accepts = { scheme: 'exact', network, amount: '2500000', asset: 'AVT', payTo: payee.did }
    const paymentRequirements = { ...accepts, maxTimeoutSeconds: 60 }
    const body = {
      x402Version: 2,
      paymentPayload: x402Payload(token.token, paymentRequirements),
      paymentRequirements,
    }
    await change(token)
    const verified = (await system.api.post('/x402/verify', body, { token: bob.token })).body
    const settled = (await system.api.post('/x402/settle', body, { token: bob.token })).body
    expect(verified.isValid).toBe(status === 200)
    expect(verified.isValid).toBe(settled.success)
    expect([verified.invalidReason, verified.invalidMessage]).toEqual([
      settled.errorReason,
      settled.errorMessage,
    ])
  },
)

test('a token whose parties are active again is good again', async () => {
  const { id, token } = await issued()
  await setStatus(payer.id, alice.token, 'suspended')
  expect(codeOf(await verify(token))).toEqual([409, 'agent_not_active'])
  expect((await read(id)).body.status).toBe('active')
  await setStatus(payer.id, alice.token, 'active')
  expect((await verify(token)).body).toEqual((await read(id)).body)
  expect((await redeem(token)).status).toBe(200)
})
