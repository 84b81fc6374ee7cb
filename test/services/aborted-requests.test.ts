/** Clients that go away in the middle, on every host: a transfer keeps its one outcome, a stream's work ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { type Alike, closeStages, openers, openStage, server } from '#test/runtimes/registry-hosts.ts'
import type { TableRequest } from '#test/runtimes/requests.ts'
import { startPaymentWorld } from '#test/support/payment-world.ts'

const ADDRESS = '192.0.2.7'
const API = '/api/v1'

/** Holds every account until it is released. */
function lockAccounts(database: Database): Promise<{ release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const held = database.transaction(async (tx) => {
      await tx.query('select 1 from teg.accounts for update')
      await new Promise<void>((end) =>
        resolve({
          release() {
            end()
            return held
          },
        }),
      )
    })
    held.catch(reject)
  })
}

describe.skipIf(server === null).each(Object.keys(openers))('a client that goes away, over %s', (name) => {
  let host: Alike
  let database: Database
  let token = ''
  let payer = ''
  let payee = ''

  beforeAll(async () => {
    const world = await startPaymentWorld()
    token = world.alice.token
    payer = world.payer.id
    payee = world.payee.id
    const [row] = await world.system.registry.db.query<{ name: string }>('select current_database() as name')
    await world.system.registry.db.close()
    const stage = await openStage(row?.name ?? '')
    database = openPg({ url: stage.url, max: 2 })
    host = await (openers[name] as (typeof openers)[string])(stage)
    host.seed(1)
  }, 180_000)
  afterAll(async () => {
    await host?.close()
    await database?.close()
    await closeStages()
  })

  const request = (): TableRequest => ({
    what: 'a transfer',
    method: 'POST',
    path: `${API}/transfers`,
    status: 201,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': 'the-one-transfer',
    },
    body: JSON.stringify({ from_agent: payer, to_agent: payee, amount: '7' }),
  })
  /** Sends it as a client that can leave; where the host has no socket, whoever called it stops listening. */
  const send = (asked: TableRequest, signal: AbortSignal): Promise<unknown> =>
    host.url === undefined
      ? host.send(asked, ADDRESS)
      : fetch(host.url + asked.path, {
          method: asked.method,
          headers: { ...asked.headers, 'x-forwarded-for': ADDRESS, 'x-table-seed': '1' },
          body: asked.body ?? null,
          signal,
        })
  const count = async (sql: string) => (await database.query<{ n: bigint }>(sql))[0]?.n ?? 0n
  const waiting = () =>
    count(`select count(*) as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`)
  const moved = () => count('select count(*) as n from teg.transfers where amount = 7000000')

  test('in the middle of a transfer has its one outcome for the retry', async () => {
    const before = await moved()
    const leave = new AbortController()
    // The transfer comes as far as the accounts, and no further.
    const accounts = await lockAccounts(database)
    const first = send(request(), leave.signal).catch(() => 'left')
    await expect.poll(waiting).toBe(1n)
    leave.abort()
    if (host.url !== undefined) expect(await first).toBe('left')
    await accounts.release()
    const [retry, again] = [await host.send(request(), ADDRESS), await host.send(request(), ADDRESS)]
    await first
    expect(retry.status, retry.body).toBe(201)
    expect(JSON.parse(again.body).id).toBe(JSON.parse(retry.body).id)
    expect(await moved()).toBe(before + 1n)
  })

  // Of the host itself run-events.test.ts says it, by its places; Lambda behind a gateway that buffers refuses streams. On
  // workerd a call has connections of its own, which end with its work.
  const isWorker = name.startsWith('workerd')
  test.skipIf(!isWorker)('while it reads a stream ends the work of the stream', async () => {
    const own = () =>
      count(`select count(*) as n from pg_stat_activity
             where datname = current_database() and application_name <> 'ninefold-teg' and pid <> pg_backend_pid()`)
    const leave = new AbortController()
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'x-table-seed': '1' }
    const before = await own()
    const reply = await fetch(`${host.url}${API}/events/stream`, { headers, signal: leave.signal })
    expect(reply.status).toBe(200)
    const part = await reply.body?.getReader().read()
    expect(part?.done).toBe(false)
    leave.abort()
    await expect.poll(own, { timeout: 45_000 }).toBeLessThanOrEqual(before)
  })
})
