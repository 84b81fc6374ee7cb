/** A TEG that takes connections and says nothing: what was sent waits for its outcome, what was not is told so at once. */
import type { Server } from 'node:http'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { openInnerHttp } from '#core/platform/inner-http.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegCall, TegClient } from '#core/registry/teg-client.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { openTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts'
import { anyCall, newAgent, SERVICE_TOKEN, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
let seen: string[] = []
/** Answers of the gate wait for it; probes do not. */
let hold: Promise<void> | null = null
const server: Server = toNode(
  {
    async fetch(request) {
      const { pathname } = new URL(request.url)
      seen.push(pathname)
      const answer = await t.fetch(request)
      if (pathname === '/commands') await hold
      return answer
    },
  },
  { newId: newAgent },
)
const port = await listen(server, 0, '127.0.0.1')
let proxy: TcpProxy
let client: TegClient
let closeClient: () => Promise<void>
/** What the client does later, by the time that it waits for; the test moves the clock. */
let timers: { ms: number; act: () => void }[] = []
beforeEach(async () => {
  proxy = await openTcpProxy(`http://127.0.0.1:${port}`)
  const http = openInnerHttp(proxy.url)
  closeClient = http.close
  timers = []
  seen = []
  hold = null
  client = openTegClient({
    token: SERVICE_TOKEN,
    newId: newAgent,
    http,
    wait: () => turn(),
    after(ms, act) {
      const timer = { ms, act }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
  })
})
afterEach(async () => {
  await closeClient()
  await proxy.close()
})
afterAll(() => closeServer(server, 0))

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 2))
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
const OVERDUE = 2_000
const PROBE = 1_000
const AGAIN = 500
/** Lets the time of what waits for so long pass, as soon as somebody waits for it. */
async function pass(ms: number): Promise<void> {
  await until(() => timers.some((timer) => timer.ms === ms))
  const due = timers.filter((timer) => timer.ms === ms)
  timers = timers.filter((timer) => timer.ms !== ms)
  for (const { act } of due) act()
}
const pair = async () => [await t.open('10'), await t.open()] as const
const callUntil = (signal: AbortSignal): TegCall => ({ ...anyCall(), signal })
const away = { status: 503, code: 'teg_unavailable', headers: { 'retry-after': '1' } }
/** Two batches on their way, which nobody answers. */
async function fillLanes(from: string, to: string, signal = anyCall().signal) {
  const answers: Promise<unknown>[] = []
  const commands = [1, 2].map(() => transfer(from, to, '1'))
  for (const command of commands) {
    const sent = timers.filter(({ ms }) => ms === OVERDUE).length
    answers.push(client.command(callUntil(signal), command))
    await until(() => timers.filter(({ ms }) => ms === OVERDUE).length > sent)
  }
  return { answers, commands }
}

test('what waits behind an overdue batch is told 503 as soon as the TEG does not say that it is alive, and all that comes', async () => {
  const [from, to] = await pair()
  await client.balance(anyCall(), from)
  proxy.freeze()
  const { answers } = await fillLanes(from, to)
  const waiting = [1, 2, 3].map(() => client.command(anyCall(), transfer(from, to, '1')))
  const told = Promise.allSettled(waiting)
  await pass(OVERDUE)
  await pass(PROBE)
  for (const answer of await told) expect(answer).toMatchObject({ status: 'rejected', reason: away })
  await expect(client.command(anyCall(), transfer(from, to, '1'))).rejects.toMatchObject(away)

  // What was sent is sent again, and has its one outcome.
  await proxy.cut()
  await proxy.mend()
  for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ ok: true })
  expect(await client.command(anyCall(), transfer(from, to, '1'))).toMatchObject({ ok: true })
  expect(await t.available(from)).toBe('7')
})

test('a TEG that is slow and says that it is alive makes nobody give up', async () => {
  const [from, to] = await pair()
  const { promise, resolve } = Promise.withResolvers<void>()
  hold = promise
  const { answers } = await fillLanes(from, to)
  const waiting = client.command(anyCall(), transfer(from, to, '1'))
  for (let probes = 2; probes <= 6; probes += 2) {
    await pass(OVERDUE)
    await until(() => seen.filter((path) => path === '/livez').length === probes)
    await until(() => timers.filter(({ ms }) => ms === OVERDUE).length === 2)
  }
  const late = client.command(anyCall(), transfer(from, to, '1'))
  resolve()
  for (const answer of await Promise.all([...answers, waiting, late]))
    expect(answer).toMatchObject({ ok: true, replayed: false })
  expect(timers).toEqual([])
})

test('what was sent into silence reads 504 at its own deadline; whoever comes then is not sent into it', async () => {
  const [from, to] = await pair()
  await client.balance(anyCall(), from)
  proxy.freeze()
  const deadline = new AbortController()
  const { answers, commands } = await fillLanes(from, to, deadline.signal)
  await pass(OVERDUE)
  await pass(PROBE)
  await pass(AGAIN)
  await pass(PROBE)
  await until(() => timers.some(({ ms }) => ms === AGAIN))
  deadline.abort(new Error('the deadline'))
  for (const answer of await Promise.allSettled(answers))
    expect(answer).toMatchObject({ status: 'rejected', reason: { status: 504, code: 'outcome_unknown' } })
  // Its lanes give up with the connections that have died.
  await proxy.cut()
  await proxy.mend()
  proxy.freeze()
  await until(() => timers.length === 0)
  const trial = client.command(anyCall(), transfer(from, to, '1'))
  const refused = expect(trial).rejects.toMatchObject(away)
  await pass(PROBE)
  await refused
  expect(seen).toEqual([`/accounts/${from}/balance`])

  await proxy.cut()
  await proxy.mend()
  const command = transfer(from, to, '1')
  expect(await client.command(anyCall(), command)).toMatchObject({ ok: true, replayed: false })
  for (const sent of commands) expect(await client.command(anyCall(), sent)).toMatchObject({ ok: true })
  expect(await t.available(from)).toBe('7')
})
