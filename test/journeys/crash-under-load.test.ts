/** kill -9 in the middle of a load of transfers: after the restart every key settles exactly once. */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import {
  dataFolder,
  freePort,
  PROCESS_OPERATOR_KEY,
  type Running,
  readMailToken,
  startProcess,
} from '#test/support/process.ts'
import { type Answer, makeApi } from '#test/support/request.ts'
import { signUp } from '#test/support/sign-up.ts'

const SENDERS = 8
const GENESIS = 1_000_000_000n
/** Acknowledged transfers after which the process is killed: far from both the start and the end of the load. */
const KILL_AFTER = 60
const KEYS_MAX = 5_000

const folder = dataFolder()
const port = await freePort()
const limits = { RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000', RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000' }
let host: Running = await startProcess(folder.path, port, limits)
afterAll(async () => {
  await host.stop('SIGKILL')
  folder.remove()
})

/** "1.5" as micro-AVT. */
function micro(amount: string): bigint {
  const [whole, part = ''] = amount.split('.')
  return BigInt(whole as string) * 1_000_000n + BigInt(part.padEnd(6, '0'))
}

test('every acknowledged transfer exists once, no unanswered one twice, and the supply is exact', async () => {
  const card = (name: string) => ({ card: card10({ name }) })
  const token = await signUp(host.api, 'load@example.com', (email) => readMailToken(folder.path, email))
  const payer = (await host.api.post('/agents', card('Payer'), { token })).body.id as string
  const payee = (await host.api.post('/agents', card('Payee'), { token })).body.id as string
  const balance = async (agent: string) =>
    micro((await host.api.get(`/agents/${agent}/balance`, { token })).body.available)
  for (let attempt = 0; (await balance(payer)) !== GENESIS; attempt++) {
    if (attempt > 200) throw new Error('the grant did not come')
    await wait(50)
  }

  const api = makeApi((request) => fetch(request), undefined, host.url)
  const order = (i: number) => ({ from_agent: payer, to_agent: payee, amount: `0.01${i % 10}` })
  const send = (i: number) => api.post('/transfers', order(i), { token, key: `load-${i}` })
  const acknowledged = new Map<number, Answer>()
  const unanswered = new Set<number>()
  let next = 0
  let killed: Promise<number | null> | null = null
  const sender = async () => {
    while (next < KEYS_MAX) {
      const i = next++
      try {
        const answer = await send(i)
        expect(answer.status).toBe(201)
        acknowledged.set(i, answer)
      } catch (error) {
        if (!killed) throw error
        unanswered.add(i)
        return
      }
      if (acknowledged.size >= KILL_AFTER) killed ??= host.stop('SIGKILL')
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  expect(await killed).toBeNull()
  expect(acknowledged.size).toBeGreaterThanOrEqual(KILL_AFTER)
  expect(unanswered.size).toBe(SENDERS)

  host = await startProcess(folder.path, port, limits)
  let spent = 0n
  const ids = new Set<string>()
  for (let i = 0; i < next; i++) {
    const answer = await send(i)
    expect(answer.status).toBe(201)
    const first = acknowledged.get(i)
    if (first) {
      expect(answer.body).toEqual(first.body)
      expect(answer.headers.get('idempotency-replayed')).toBe('true')
    }
    ids.add(answer.body.id)
    spent += micro(answer.body.amount)
  }
  expect(ids.size).toBe(next)
  expect(await balance(payer)).toBe(GENESIS - spent)

  const listed: string[] = []
  let cursor: string | null = null
  do {
    const query: Record<string, string> = { agent: payer, limit: '200', ...(cursor ? { cursor } : {}) }
    const page = (await api.get('/transfers', { token, query })).body
    listed.push(...page.items.map((item: { id: string }) => item.id))
    cursor = page.next_cursor
  } while (cursor)
  expect(listed.sort()).toEqual([...ids].sort())

  const supply = (await api.get('/audit/supply')).body
  expect(supply).toMatchObject({ tokens_issued: '1000', tokens_destroyed: '0', tokens_circulating: '1000' })
  const treasury = (await api.get('/operator/treasury', { token: PROCESS_OPERATOR_KEY })).body
  expect((await balance(payer)) + (await balance(payee)) + micro(treasury.balance)).toBe(GENESIS)
}, 120_000)

test('SIGTERM under load: what came is answered 201, what comes when the port is closed is not taken at all', async () => {
  const email = 'stop@example.com'
  const token = await signUp(host.api, email, (address) => readMailToken(folder.path, address))
  const publish = async (name: string): Promise<string> =>
    (await host.api.post('/agents', { card: card10({ name }) }, { token })).body.id
  const order = { from_agent: await publish('Stopper'), to_agent: await publish('Stopped'), amount: '0.01' }
  const available = async () =>
    micro((await host.api.get(`/agents/${order.from_agent}/balance`, { token })).body.available)
  for (let attempt = 0; (await available()) !== GENESIS; attempt++) {
    if (attempt > 200) throw new Error('the grant did not come')
    await wait(50)
  }

  const outcomes = new Map<string, number>()
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  let stopped: Promise<number | null> | null = null
  let serial = 0
  const sender = async () => {
    for (;;) {
      try {
        const answer = await host.api.post('/transfers', order, { token, key: `stop-${serial++}` })
        count(answer.status === 201 ? '201' : answer.body.code)
        if (answer.status !== 201) return
      } catch (error) {
        return count(String((error as { cause?: { code?: string } }).cause?.code))
      }
      if ((outcomes.get('201') ?? 0) >= KILL_AFTER) stopped ??= host.stop('SIGTERM')
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  expect(await stopped).toBe(0)
  const others = [...outcomes.keys()].filter((outcome) => outcome !== '201')
  expect(['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET']).toEqual(expect.arrayContaining(others))

  host = await startProcess(folder.path, port, limits)
  expect(GENESIS - (await available())).toBe(BigInt(outcomes.get('201') ?? 0) * micro(order.amount))
}, 60_000)
