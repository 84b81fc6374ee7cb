/** The way from a registry to a TEG of its own address, over real sockets that break. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { openInnerHttp, wasUnsent } from '#core/platform/inner-http.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegCall, TegClient } from '#core/registry/teg-client.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { Command } from '#core/wire/teg.ts'
import { openTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts'
import { anyCall, newAgent, SERVICE_TOKEN, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
/** What the TEG was asked, and a gate in front of its answers. */
const seen: { path: string; requestId: string | null; timeoutMs: number; commands: number }[] = []
let atWork = 0
let atWorkMax = 0
let hold: Promise<void> | null = null
const server: Server = toNode(
  {
    async fetch(request) {
      const body = request.method === 'POST' ? ((await request.clone().json()) as { commands?: [] }) : null
      seen.push({
        path: new URL(request.url).pathname,
        requestId: request.headers.get('x-request-id'),
        timeoutMs: Number(request.headers.get('x-timeout-ms') ?? Number.NaN),
        commands: body?.commands?.length ?? 0,
      })
      atWorkMax = Math.max(atWorkMax, ++atWork)
      const answer = await t.fetch(request)
      await hold
      atWork--
      return answer
    },
  },
  { newId: newAgent },
)
const port = await listen(server, 0, '127.0.0.1')
let proxy: TcpProxy
let client: TegClient
let closeClient: () => Promise<void>
beforeEach(async () => {
  proxy = await openTcpProxy(`http://127.0.0.1:${port}`)
  const http = openInnerHttp(proxy.url)
  closeClient = http.close
  client = openTegClient({ token: SERVICE_TOKEN, newId: newAgent, http, wait: () => turn() })
  seen.length = 0
  atWorkMax = 0
  hold = null
})
afterEach(async () => {
  await closeClient()
  await proxy.close()
})
afterAll(() => closeServer(server, 0))

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 2))
/** Waits until something has happened that no promise tells; bounded by the test's own time. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
const holdAnswers = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  hold = promise
  return () => {
    hold = null
    resolve()
  }
}
const callFor = (parts: Partial<TegCall> = {}): TegCall => ({ ...anyCall(), ...parts })
const pair = async () => [await t.open('10'), await t.open()] as const
const away = { status: 503, code: 'teg_unavailable', headers: { 'retry-after': '1' } }

test('a command arrives with the request id and the time that is left; the balance is the one of the in-process way', async () => {
  const [from, to] = await pair()
  const call = callFor({ requestId: 'walk-1', deadline: performance.now() + 5_000 })
  const outcome = await client.command(call, transfer(from, to, '1'))
  expect(outcome).toMatchObject({ ok: true, replayed: false, transfer: { balance_after: '9' } })
  expect(await client.balance(call, from)).toEqual(await t.client.balance(anyCall(), from))
  expect(seen.map(({ path, requestId }) => [path, requestId])).toEqual([
    ['/commands', 'walk-1'],
    [`/accounts/${from}/balance`, 'walk-1'],
  ])
  for (const { timeoutMs } of seen) {
    expect(timeoutMs).toBeGreaterThan(0)
    expect(timeoutMs).toBeLessThanOrEqual(5_000)
  }
})

test('calls of one moment travel together: at most two requests at a time, and all that waits in the third', async () => {
  const [from, to] = await pair()
  const release = holdAnswers()
  const sent: Promise<unknown>[] = []
  const send = () => sent.push(client.command(callFor(), transfer(from, to, '0.01')))
  send()
  await until(() => seen.length === 1)
  send()
  await until(() => seen.length === 2)
  for (let i = 0; i < 98; i++) send()
  release()
  await Promise.all(sent)
  expect(seen.map(({ commands }) => commands)).toEqual([1, 1, 98])
  expect(atWorkMax).toBe(2)
  expect(await t.available(from)).toBe('9')
})

test('the TEG is down: every call is told 503 at once and nothing was done; it comes back and the same keys go through', async () => {
  const [from, to] = await pair()
  await proxy.cut()
  const commands = Array.from({ length: 50 }, () => transfer(from, to, '0.01'))
  const answers = await Promise.allSettled(commands.map((command) => client.command(callFor(), command)))
  for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: away })
  await expect(client.balance(callFor(), from)).rejects.toMatchObject(away)
  expect(await client.ping(callFor())).toBe(false)
  expect(await t.available(from)).toBe('10')

  await proxy.mend()
  const again = await Promise.all(commands.map((command) => client.command(callFor(), command)))
  expect(again.every(({ ok, replayed }) => ok && !replayed)).toBe(true)
  expect(await t.available(from)).toBe('9.5')
})

test('the TEG dies with commands on their way: they are sent again and answered once it is back; what was not sent is told 503 meanwhile', async () => {
  const [from, to] = await pair()
  const release = holdAnswers()
  const onTheirWay = [1, 2].map(() => transfer(from, to, '1'))
  const answers: Promise<unknown>[] = []
  for (const [i, command] of onTheirWay.entries()) {
    answers.push(client.command(callFor(), command))
    await until(() => seen.length === i + 1)
  }
  const waiting = client.command(callFor(), transfer(from, to, '5'))
  const refused = expect(waiting).rejects.toMatchObject(away)
  await proxy.cut()
  await refused
  await expect(client.command(callFor(), transfer(from, to, '5'))).rejects.toMatchObject(away)
  release()
  await proxy.mend()
  for (const answer of await Promise.all(answers))
    expect(answer).toMatchObject({ ok: true, replayed: true, transfer: { amount: '1' } })
  expect(await t.available(from)).toBe('8')
  expect(await client.command(callFor(), transfer(from, to, '1'))).toMatchObject({
    ok: true,
    replayed: false,
  })
})

test('the TEG is silent until the deadline: 504 outcome_unknown, and the retry gets the one outcome', async () => {
  const [from, to] = await pair()
  const command = transfer(from, to, '2')
  await client.balance(callFor(), from)
  holdAnswers()
  const before = seen.length
  const controller = new AbortController()
  const answer = client.command(callFor({ signal: controller.signal }), command)
  await until(() => seen.length > before)
  proxy.freeze()
  controller.abort(new Error('the deadline'))
  await expect(answer).rejects.toMatchObject({ status: 504, code: 'outcome_unknown' })
  hold = null
  await proxy.cut()
  await proxy.mend()
  expect(await client.command(callFor(), command)).toMatchObject({ ok: true, replayed: true })
  expect(await t.available(from)).toBe('8')
})

test('a client that goes away keeps its one outcome, and its neighbour in the batch is answered', async () => {
  const [from, to] = await pair()
  const release = holdAnswers()
  const first = [1, 2].map(() => client.command(callFor(), transfer(from, to, '0.01')))
  await until(() => seen.length >= 1)
  const leaver = new AbortController()
  const command = transfer(from, to, '3')
  const left = client.command(callFor({ signal: leaver.signal }), command)
  const neighbour = client.command(callFor(), transfer(from, to, '0.5'))
  const gone = expect(left).rejects.toMatchObject({ status: expect.any(Number) })
  release()
  await until(() => seen.reduce((sum, { commands }) => sum + commands, 0) >= 4)
  leaver.abort(new Error('the client went away'))
  await Promise.allSettled([gone])
  expect(await neighbour).toMatchObject({ ok: true })
  await Promise.all(first)
  const again = await client.command(callFor(), command)
  expect(again).toMatchObject({ ok: true, transfer: { amount: '3' } })
  expect(await t.available(from)).toBe('6.48')
})

test('who goes away before the sending leaves no trace: the key is free', async () => {
  const [from, to] = await pair()
  const release = holdAnswers()
  const first: Promise<unknown>[] = []
  for (const count of [1, 2]) {
    first.push(client.command(callFor(), transfer(from, to, '0.01')))
    await until(() => seen.length === count)
  }
  const leaver = new AbortController()
  const command = transfer(from, to, '3')
  const left = client.command(callFor({ signal: leaver.signal }), command)
  leaver.abort(new Error('the client went away'))
  await expect(left).rejects.toMatchObject(away)
  release()
  await Promise.all(first)
  expect(await t.available(from)).toBe('9.98')
  expect(await client.command(callFor(), command)).toMatchObject({ ok: true, replayed: false })
})

test('more commands than may wait are refused with 503 overloaded, and those that wait go through', async () => {
  const [from, to] = await pair()
  const release = holdAnswers()
  const first: Promise<unknown>[] = []
  for (const count of [1, 2]) {
    first.push(client.command(callFor(), transfer(from, to, '0.01')))
    await until(() => seen.length === count)
  }
  const many = Array.from({ length: 25_001 }, () => ({
    op: 'open_account' as const,
    agent: from,
    did: 'did:web:x',
    owner: from,
  }))
  const leaver = new AbortController()
  const waits = client.commands(callFor({ signal: leaver.signal }), many)
  const tooMany = client.commands(callFor(), many)
  await expect(tooMany).rejects.toMatchObject({ status: 503, code: 'overloaded' })
  leaver.abort(new Error('enough'))
  await expect(waits).rejects.toMatchObject(away)
  release()
  await Promise.all(first)
})

test('the TEG does not begin what nobody waits for, and tells so', async () => {
  const [from, to] = await pair()
  const ask = (headers: Record<string, string>) =>
    t.fetch(
      new Request('http://teg/commands', {
        method: 'POST',
        body: JSON.stringify({ commands: [transfer(from, to, '1')] }),
        headers: { authorization: `Bearer ${SERVICE_TOKEN}`, 'content-type': 'application/json', ...headers },
      }),
    )
  const late = await ask({ 'x-timeout-ms': '0' })
  expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([504, 'timed_out'])
  expect(await t.available(from)).toBe('10')
  expect((await ask({ 'x-timeout-ms': '5000' })).status).toBe(200)
  expect((await ask({ 'x-timeout-ms': 'soon' })).status).toBe(200)
})

test('a command whose caller has left before its turn at the gate is not begun, and its neighbour is', async () => {
  const [from, to] = await pair()
  const leaver = new AbortController()
  const parse = (amount: string) => Command.parse(transfer(from, to, amount))
  const left = t.teg.gate.post([parse('4')], leaver.signal)
  const stays = t.teg.gate.post([parse('1')], new AbortController().signal)
  leaver.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  expect(await stays).toMatchObject([{ ok: true }])
  expect(await t.available(from)).toBe('9')
})

test('an address without a listener, without a name or without a route is told apart from a broken connection', async () => {
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port: gone } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const breaking = createServer((request) => request.socket.destroy())
  await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve))
  const { port: broken } = breaking.address() as AddressInfo
  const fate = async (url: string) => {
    const http = openInnerHttp(url)
    const failure = http.send({
      method: 'POST',
      path: '/',
      headers: {},
      body: '{}',
      signal: new AbortController().signal,
    })
    const error = await failure.catch((reason: unknown) => reason)
    await http.close()
    return wasUnsent(error)
  }
  expect(await fate(`http://127.0.0.1:${gone}`)).toBe(true)
  expect(await fate(`http://localhost:${gone}`)).toBe(true)
  expect(await fate('http://nobody.invalid:80')).toBe(true)
  expect(await fate(`http://127.0.0.1:${broken}`)).toBe(false)
  breaking.close()
})
