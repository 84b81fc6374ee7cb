/** The main job as users do it, over sockets, on a new data folder, with kill -9 in the middle. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  dataFolder,
  freePort,
  PROCESS_OPERATOR_KEY,
  type Running,
  readMailToken,
  startProcess,
} from '#test/support/process.ts'

const folder = dataFolder()
const port = await freePort()
let host: Running = await startProcess(folder.path, port)
afterAll(async () => {
  await host.stop('SIGKILL')
  folder.remove()
})

const readCard = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/agent-cards/${name}`, import.meta.url), 'utf8'))

async function signUp(email: string): Promise<string> {
  const password = 'correct horse battery staple'
  const registered = await host.api.post('/auth/register', { email, password, display_name: email })
  expect([registered.status, registered.body]).toEqual([201, { status: 'verification_sent' }])
  const verified = await host.api.post('/auth/verify-email', {
    token: await readMailToken(folder.path, email),
  })
  expect(verified.status).toBe(204)
  const login = await host.api.post('/auth/login', { email, password })
  expect(login.status).toBe(200)
  return login.body.access_token
}

async function until<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await read()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not come')
}

const available = async (agent: string, token: string) =>
  (await host.api.get(`/agents/${agent}/balance`, { token })).body.available

test('two developers publish real cards, one finds and pays the other, and kill -9 loses nothing', async () => {
  const alice = await signUp('alice@example.com')
  const bob = await signUp('bob@example.com')
  const payer = (
    await host.api.post('/agents', { card: readCard('002-a2a402-market.json') }, { token: alice })
  ).body
  const payee = (
    await host.api.post('/agents', { card: readCard('020-worldmonitor-crlf.json') }, { token: bob })
  ).body
  expect([payer.status, payee.status]).toEqual(['active', 'active'])

  await until(async () => ((await available(payer.id, alice)) === '1000' ? true : undefined))
  await until(async () => ((await available(payee.id, bob)) === '1000' ? true : undefined))

  const found = await host.api.get(`/discovery/agents?q=${encodeURIComponent(payee.card.name)}`)
  expect(found.body.items.map((item: { id: string }) => item.id)).toContain(payee.id)

  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/events`, {
    headers: { authorization: `Bearer ${bob}` },
  })
  const frames: { type: string; event?: { type: string; data: { id: string } } }[] = []
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  await until(async () => frames.find((frame) => frame.type === 'hello'))

  const order = { from_agent: payer.id, to_agent: payee.did, amount: '10' }
  const quote = await host.api.get('/transfers/quote', { token: alice, query: order })
  expect(quote.body).toMatchObject({
    amount: '10',
    fee_rate: '0.005',
    fee: '0.05',
    net: '9.95',
    route: 'local',
  })
  const paid = await host.api.post(
    '/transfers',
    { ...order, quote_id: quote.body.quote_id },
    { token: alice, key: 'pay-1' },
  )
  expect([paid.status, paid.body.status, paid.body.balance_after]).toEqual([201, 'completed', '990'])
  await until(async () =>
    frames.find(
      (frame) => frame.event?.type === 'transfer.completed' && frame.event.data.id === paid.body.id,
    ),
  )
  socket.close()

  const statements = async () => {
    const mine = await host.api.get(`/agents/${payer.id}/statement`, { token: alice })
    const theirs = await host.api.get(`/agents/${payee.id}/statement`, { token: bob })
    return [mine, theirs].map(({ body }) =>
      body.items.map((item: Record<string, string>) => [
        item.kind,
        item.direction,
        item.amount,
        item.fee,
        item.balance_after,
      ]),
    )
  }
  const before = await statements()
  expect(before).toEqual([
    [
      ['transfer', 'out', '10', '0.05', '990'],
      ['genesis_grant', 'in', '1000', '0', '1000'],
    ],
    [
      ['transfer', 'in', '9.95', '0', '1009.95'],
      ['genesis_grant', 'in', '1000', '0', '1000'],
    ],
  ])
  const supply = await host.api.get('/audit/supply')
  expect(supply.body).toMatchObject({
    tokens_issued: '2000',
    tokens_destroyed: '0',
    transit_net: '0',
    tokens_circulating: '2000',
  })
  const events = (await host.api.get('/events?limit=200', { token: PROCESS_OPERATOR_KEY })).body.items

  await host.stop('SIGKILL')
  host = await startProcess(folder.path, port)

  expect(await statements()).toEqual(before)
  expect((await host.api.get('/audit/supply')).body.tokens_circulating).toBe('2000')
  expect((await host.api.get(`/agents/${payee.id}`)).body.card).toEqual(payee.card)
  const after = (await host.api.get('/events?limit=200', { token: PROCESS_OPERATOR_KEY })).body.items
  expect(after.slice(0, events.length)).toEqual(events)
  const again = await host.api.post(
    '/transfers',
    { ...order, quote_id: quote.body.quote_id },
    { token: alice, key: 'pay-1' },
  )
  expect([again.status, again.body.id, again.headers.get('idempotency-replayed')]).toEqual([
    201,
    paid.body.id,
    'true',
  ])

  expect(await host.stop('SIGTERM')).toBe(0)
  host = await startProcess(folder.path, port)
  expect(await available(payer.id, alice)).toBe('990')
}, 120_000)

test('a second process on the same data folder refuses to start and says why', async () => {
  await expect(startProcess(folder.path, await freePort())).rejects.toThrow(/in use by process \d+/)
})
