/** A payer and a payee of two developers, a stranger, and short ways to their payment tokens. */
import { expect } from 'vitest'
import { type Log, silentLog } from '#core/platform/log.ts'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { registerDeveloper, type TestDeveloper } from './accounts.ts'
import { registryContext } from './context.ts'
import type { Answer } from './request.ts'
import { seedAgent, seedGrant } from './seed-agents.ts'
import { startSystem } from './system.ts'

export const codeOf = ({ status, body }: Answer) => [status, body.code]

/** Alice's agent pays with 100,000 AVT, Bob's is paid, Carol has nothing to do with it. */
export async function startPaymentWorld(log: Log = silentLog) {
  const system = await startSystem({}, log)
  await postFees(registryContext(system.registry))
  const alice = await registerDeveloper(system)
  const bob = await registerDeveloper(system)
  const carol = await registerDeveloper(system)
  const payer = await seedAgent(system, alice.account)
  const payee = await seedAgent(system, bob.account)
  await seedGrant(system, alice.account, payer.id, 100_000_000_000n)
  expect(await payGrant(registryContext(system.registry), alice.account, 30_000)).toBe('granted')
  let serial = 0
  const nextKey = () => `key-${++serial}`
  const post = (path: string, body: unknown, token: string, key?: string) =>
    system.api.post(`/payments/tokens${path}`, body, { token, ...(key === undefined ? {} : { key }) })
  const issue = (fields: object = {}, token = alice.token, key = nextKey()) => {
    const order = { payer_agent: payer.id, payee_agent: payee.id, amount: '10', expires_in: 600, ...fields }
    return post('', order, token, key)
  }
  return {
    system,
    alice,
    bob,
    carol,
    payer,
    payee,
    nextKey,
    issue,
    async issued(fields: object = {}): Promise<Answer['body']> {
      const answer = await issue(fields)
      expect(answer.status, answer.text).toBe(201)
      return answer.body
    },
    verify: (text: string, token = bob.token) => post('/verify', { token: text }, token),
    redeem: (text: string, fields: object = {}, token = bob.token, key = nextKey()) =>
      post('/redeem', { token: text, ...fields }, token, key),
    cancel: (id: string, token = alice.token) => post(`/${id}/cancel`, undefined, token),
    read: (id: string, token = alice.token) => system.api.get(`/payments/tokens/${id}`, { token }),
    balance: async (agent = payer.id) => system.registry.teg.balance(registryContext(system.registry), agent),
    async agentKey(agent: string, owner: TestDeveloper, more: object = {}): Promise<string> {
      const body = { name: 'robot', scopes: ['payments:write'], ...more }
      const made = await system.api.post(`/agents/${agent}/keys`, body, { token: owner.token })
      expect(made.status, made.text).toBe(201)
      return made.body.secret
    },
  }
}
