/** What goes wrong on the way to the ledger: a command that was sent has one outcome, one that was not has none. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { type Log, silentLog } from '#core/platform/log.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { anyCall, newAgent, openAccount, SERVICE_TOKEN, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
type Fetch = (request: Request) => Response | Promise<Response>
const clientOver = (fetch: Fetch, baseUrl?: string) =>
  openTegClient({
    token: SERVICE_TOKEN,
    fetch,
    newId: newAgent,
    wait: () => setImmediate(),
    ...(baseUrl ? { baseUrl } : {}),
  })
/** An address where a server has just stopped. */
async function closedAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}
const pair = async () => [await t.open('10'), await t.open()] as const
const gateOver = (db: Database, more: object = {}) =>
  openGate({ db, clock: t.clock, newId: newAgent, log: silentLog, ...more })

test('nothing listens: 503 teg_unavailable with Retry-After after one try, nothing was done, and it says so', async () => {
  const [from, to] = await pair()
  let tries = 0
  const away = clientOver(
    (request) => {
      tries++
      return fetch(request)
    },
    await closedAddress(),
  )
  const command = transfer(from, to, '1')
  await expect(away.command(anyCall(), command)).rejects.toMatchObject({
    status: 503,
    code: 'teg_unavailable',
    headers: { 'retry-after': '1' },
    title: 'The ledger cannot be reached',
    detail: 'The ledger cannot be reached; nothing was done.',
  })
  await expect(away.supply(anyCall())).rejects.toMatchObject({ detail: 'The ledger did not answer.' })
  expect(tries).toBe(2)
  expect(await t.available(from)).toBe('10')
  expect(await t.run(command)).toMatchObject({ ok: true, replayed: false })
})

test('an answer lost after the commit: sent again, one effect, the same outcome', async () => {
  const [from, to] = await pair()
  const answers: string[] = []
  const flaky = clientOver(async (request) => {
    const response = await t.fetch(request)
    answers.push(await response.clone().text())
    if (answers.length === 1)
      throw new TypeError('fetch failed', {
        cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
      })
    return response
  })
  const outcome = await flaky.command(anyCall(), transfer(from, to, '1'))
  expect(answers).toHaveLength(2)
  const lost = JSON.parse(answers[0] as string).outcomes[0]
  expect(outcome).toEqual({ ...lost, replayed: true })
  expect(await t.available(from)).toBe('9')
})

test('a closing whose answer was lost shows its movement when it is sent again', async () => {
  const [from, to] = await pair()
  const command = {
    op: 'set_status',
    agent: from,
    sequence: 2,
    status: 'closed',
    move_balance_to: to,
  } as const
  const done = await t.run(command)
  expect(done.transfer).toMatchObject({ amount: '10', to_agent: to, balance_after: '0' })
  expect(await t.run(command)).toEqual({ ...done, replayed: true })
})

test('no answer until the deadline or the caller goes away: 504 outcome_unknown, and its key keeps the outcome', async () => {
  const [from, to] = await pair()
  const deadline = new AbortController()
  let done: unknown
  const silent = clientOver(async (request) => {
    done = ((await (await t.fetch(request)).json()) as { outcomes: unknown[] }).outcomes[0]
    deadline.abort()
    return new Promise<Response>(() => undefined)
  })
  const command = transfer(from, to, '1')
  await expect(silent.command({ requestId: 'r', signal: deadline.signal }, command)).rejects.toMatchObject({
    status: 504,
    code: 'outcome_unknown',
  })
  expect(await t.run(command)).toEqual({ ...(done as object), replayed: true })
  expect(await t.available(from)).toBe('9')
})

test('a caller that gave up before anything was sent: 503 teg_unavailable', async () => {
  const [from, to] = await pair()
  await expect(
    t.client.command({ requestId: 'r', signal: AbortSignal.abort() }, transfer(from, to, '1')),
  ).rejects.toMatchObject({ status: 503, code: 'teg_unavailable' })
  expect(await t.available(from)).toBe('10')
})

test('a command that the database cannot run fails alone with internal_error; its neighbours in the batch go through', async () => {
  const [from, to] = await pair()
  const logged: string[] = []
  const log: Log = { ...silentLog, error: (_fields: object, words: string) => logged.push(words) }
  const gate = gateOver(t.db, { log })
  const commands = Array.from({ length: 9 }, (_, i) => ({
    ...Command.parse(transfer(from, to, '1')),
    // The door refuses NUL; PostgreSQL cannot keep it.
    memo: i === 4 ? 'NUL \u0000' : 'fine',
  }))
  const outcomes = await Promise.all(commands.map(async (command) => (await gate.post([command]))[0]))
  expect(outcomes.map((outcome) => outcome?.error?.code ?? 'ok')).toEqual(
    commands.map((_, i) => (i === 4 ? 'internal_error' : 'ok')),
  )
  expect(logged).toEqual(['the gate could not run a command'])
  expect(await t.available(from)).toBe('2')
  expect(await findFaults(t.db)).toEqual([])
})

test('a malformed command is refused alone: callers of the same batch get their outcomes', async () => {
  const [from, to] = await pair()
  const results = await Promise.allSettled(
    ['a', 'b', 'NUL \u0000', 'd', 'e'].map((memo) => t.run(transfer(from, to, '1', { memo }))),
  )
  expect(results.map((result) => result.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect(results[2]).toMatchObject({ reason: { status: 500, code: 'internal_error' } })
  expect(await t.available(from)).toBe('6')
})

test('a failure of the database itself is 503 ledger_unavailable for all, and is not tried command by command', async () => {
  const [from, to] = await pair()
  let statements = 0
  const full = withMethods(t.db, {
    query: async () => {
      statements++
      throw Object.assign(new Error('could not extend file'), { code: '53100' })
    },
  })
  const gate = gateOver(full)
  const commands = Array.from({ length: 8 }, () => Command.parse(transfer(from, to, '1')))
  await expect(gate.post(commands)).rejects.toMatchObject({ status: 503, code: 'ledger_unavailable' })
  expect(statements).toBe(1)
})

test('a full queue is 503 overloaded with Retry-After; what waits is served', async () => {
  const [from, to] = await pair()
  const gate = gateOver(t.db, { queuedMax: 3 })
  const some = (count: number) => Array.from({ length: count }, () => Command.parse(transfer(from, to, '1')))
  const waiting = gate.post(some(3))
  await expect(gate.post(some(1))).rejects.toMatchObject({
    status: 503,
    code: 'overloaded',
    headers: { 'retry-after': '1' },
  })
  expect((await waiting).every((outcome) => outcome.ok)).toBe(true)
  expect((await gate.post(some(1)))[0]?.ok).toBe(true)
  expect(gate.queued()).toBe(0)
  expect(await t.available(from)).toBe('6')
})

test('a TEG that answers overloaded has done nothing: the caller gets 503 teg_unavailable', async () => {
  const [from, to] = await pair()
  const busy = clientOver(() => Response.json({ code: 'overloaded' }, { status: 503 }))
  await expect(busy.command(anyCall(), transfer(from, to, '1'))).rejects.toMatchObject({
    status: 503,
    code: 'teg_unavailable',
  })
})

test("a proxy's page in place of an answer is 503 teg_unavailable for a read", async () => {
  const odd = clientOver(() => new Response('<html>', { status: 200 }))
  await expect(odd.supply(anyCall())).rejects.toMatchObject({ status: 503, code: 'teg_unavailable' })
})

test("a key's daily limit is counted per UTC day; days long past are dropped", async () => {
  const [from, to] = await pair()
  const limits = { key_id: newAgent(), per_transfer: null, per_day: '2', allowed_payees: null }
  const pay = (amount: string) => t.run(transfer(from, to, amount, { limits }))
  t.clock.set(new Date('2026-11-30T23:59:59.999Z'))
  expect((await pay('1.5')).ok).toBe(true)
  expect((await pay('0.6')).error?.code).toBe('limit_exceeded')
  expect((await pay('0.5')).ok).toBe(true)
  t.clock.advance(1)
  expect((await pay('2')).ok).toBe(true)
  t.clock.advance(4 * 86_400_000)
  expect((await pay('1')).ok).toBe(true)
  const days = await t.db.query<{ day: string }>('select s.day::text as day from teg.key_spending s')
  expect(days.map((row) => row.day)).toEqual(['2026-12-05'])
})

test('the budget of grants is renewed at 00:00 UTC; a grant over it stays due with budget_exhausted', async () => {
  const agent = newAgent()
  await t.run(openAccount(agent))
  const give = (developer: string, amount: string) =>
    t.run({ op: 'grant', developer, agent, amount, budget_per_day: '10' })
  t.clock.set(new Date('2027-01-01T23:59:59.999Z'))
  const due = newAgent()
  expect((await give(newAgent(), '8')).ok).toBe(true)
  expect((await give(due, '3')).error?.code).toBe('budget_exhausted')
  t.clock.advance(1)
  expect(await give(due, '3')).toMatchObject({ ok: true, replayed: false })
  expect(await t.available(agent)).toBe('11')
})

test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-11-24T12:00:00.123456789+14:00'])(
  'a balance at %s is answered',
  async (at) => {
    const agent = await t.open('1')
    expect((await t.client.balance(anyCall(), agent, at))?.total).toBe(at.startsWith('9') ? '1' : '0')
  },
)
