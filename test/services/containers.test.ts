/** The main job as the containers do it: TEG and registry as processes of their own on PostgreSQL (pooled, where there is a pooler) and Redis. */
import { readdirSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPg } from '#core/platform/database/pg.ts'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import {
  dataFolder,
  freePort,
  PROCESS_OPERATOR_KEY,
  type Running,
  startProcess,
} from '#test/support/process.ts'
import { serverUrl } from '#test/support/services.ts'
import { signUp } from '#test/support/sign-up.ts'
import { type Frame, openSocket, type TestSocket } from '#test/support/socket.ts'

const server = serverUrl('TEST_DATABASE_URL')
const redis = serverUrl('REDIS_TEST_URL')
const pooler = serverUrl('PGBOUNCER_TEST_URL')
const TOKEN = 'service-token-of-two-processes-0123456789'
const GRACE_SECONDS = 20

/** Asks until something comes; ten seconds at most. */
async function until<T>(what: string, read: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await read()
    if (found !== undefined) return found
    await wait(50)
  }
  throw new Error(`${what} did not come`)
}

/** Process ids of the workers of a host. */
const workersOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)

/** True for the frame of the event whose data has this id. */
const tellsOf = (id: string) => (frame: Frame) =>
  (frame.event as { data: { id: string } } | undefined)?.data.id === id

describe.skipIf(server === null || redis === null)('two processes on PostgreSQL and Redis', () => {
  const suffix = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
  const names = { registry: `containers_registry_${suffix}`, teg: `containers_teg_${suffix}` }
  const urlOf = (name: string, base = server) =>
    Object.assign(new URL(base ?? ''), { pathname: `/${name}` }).href
  const folder = dataFolder()
  const mails: string[] = []
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, _session, done) {
      let text = ''
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      stream.on('end', () => {
        mails.push(text)
        done()
      })
    },
  })
  let ports: { teg: number; registry: number; smtp: number }
  let teg: Running
  let registry: Running
  let alice: string
  let bob: string
  let payer: string
  let payee: string

  const startTeg = () =>
    startProcess(folder.path, ports.teg, {
      NINEFOLD_PROFILE: 'containers',
      HOST_SERVICES: 'teg',
      TEG_PORT: String(ports.teg),
      TEG_SERVICE_TOKEN: TOKEN,
      TEG_DATABASE_URL: urlOf(names.teg),
    })
  const startRegistry = async () => {
    const started = await startProcess(folder.path, ports.registry, {
      NINEFOLD_PROFILE: 'containers',
      HOST_SERVICES: 'registry',
      EVENT_STORE_ENABLED: 'false',
      HOST_WORKERS: '2',
      STOP_GRACE_SECONDS: String(GRACE_SECONDS),
      TEG_URL: `http://127.0.0.1:${ports.teg}`,
      TEG_SERVICE_TOKEN: TOKEN,
      DATABASE_URL: urlOf(names.registry, pooler ?? server),
      DATABASE_DIRECT_URL: urlOf(names.registry),
      REDIS_URL: redis ?? '',
      SMTP_URL: `smtp://127.0.0.1:${ports.smtp}`,
      RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
      RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    })
    // One worker goes ahead; the tests want both.
    while (started.output().split('"a worker is ready"').length <= 2) await wait(50)
    return started
  }
  const mailedToken = (email: string) =>
    until(`a mail to ${email}`, () => {
      const mail = mails.findLast((text) => new RegExp(`^To: .*${email}`, 'im').test(text))
      return /\?token=(?:3D)?([A-Za-z0-9._~-]+)/.exec(mail?.replaceAll(/=\r?\n/g, '') ?? '')?.[1]
    })
  const available = async (agent: string, token: string): Promise<string> =>
    (await registry.api.get(`/agents/${agent}/balance`, { token })).body.available
  const pay = (amount: string, key: string) =>
    registry.api.post('/transfers', { from_agent: payer, to_agent: payee, amount }, { token: alice, key })

  beforeAll(async () => {
    const admin = openPg({ url: server ?? '', max: 1 })
    for (const name of Object.values(names)) await admin.query(`create database ${name} template template0`)
    await admin.close()
    await new Promise<void>((resolve) => {
      smtp.listen(0, '127.0.0.1', resolve)
    })
    const address = smtp.server.address() as { port: number }
    ports = { teg: await freePort(), registry: await freePort(), smtp: address.port }
    teg = await startTeg()
    registry = await startRegistry()
  })

  afterAll(async () => {
    await registry?.stop('SIGTERM')
    await teg?.stop('SIGTERM')
    await new Promise<void>((resolve) => {
      smtp.close(resolve)
    })
    const admin = openPg({ url: server ?? '', max: 1 })
    for (const name of Object.values(names)) await admin.query(`drop database if exists ${name} with (force)`)
    await admin.close()
    folder.remove()
  })

  test('developers sign up by SMTP, publish agents, get their grants and pay each other', async () => {
    alice = await signUp(registry.api, 'alice@example.com', mailedToken)
    bob = await signUp(registry.api, 'bob@example.com', mailedToken)
    payer = (await registry.api.post('/agents', { card: card10({ name: 'Payer' }) }, { token: alice })).body
      .id
    payee = (await registry.api.post('/agents', { card: card10({ name: 'Payee' }) }, { token: bob })).body.id
    for (const [agent, token] of [
      [payer, alice],
      [payee, bob],
    ] as const)
      await until('a grant', async () => ((await available(agent, token)) === '1000' ? true : undefined))
    const found = await registry.api.get('/discovery/agents', { query: { q: 'Payee' } })
    expect(found.body.items.map((item: { id: string }) => item.id)).toContain(payee)
    const paid = await pay('10', 'first')
    expect([paid.status, paid.body.status, paid.body.balance_after]).toEqual([201, 'completed', '990'])
    expect(await available(payee, bob)).toBe('1009.95')
    expect((await registry.api.get('/audit/supply')).body.tokens_circulating).toBe('2000')
    const health = (await registry.api.get('/health', { token: PROCESS_OPERATOR_KEY })).body
    expect(health).toMatchObject({ status: 'ok', redis: { state: 'up' }, teg: { state: 'up' } })
    expect(readdirSync(folder.path)).toEqual([])
  })

  test('an event reaches the sockets of both workers; a killed worker is replaced, the other serves on', async () => {
    const headers = { authorization: `Bearer ${bob}` }
    const sockets: TestSocket[] = []
    for (let i = 0; i < 8; i++)
      sockets.push(await openSocket(`ws://127.0.0.1:${ports.registry}/ws/events`, { headers }))
    const hellos = await Promise.all(sockets.map((socket) => socket.next(({ type }) => type === 'hello')))
    expect(new Set(hellos.map((hello) => hello.connection_id)).size).toBe(8)
    const paid = await pay('1', 'seen')
    for (const socket of sockets)
      expect((await socket.next(tellsOf(paid.body.id))).event).toMatchObject({ type: 'transfer.completed' })
    const workers = workersOf(registry.pid)
    expect(workers).toHaveLength(2)
    const closed = new Set<TestSocket>()
    for (const socket of sockets) void socket.closed.then(() => closed.add(socket))
    process.kill(workers[0] as number, 'SIGKILL')
    await until('a closed socket', () => (closed.size > 0 ? true : undefined))
    const again = await pay('1', 'seen-again')
    const alive = sockets.filter((socket) => !closed.has(socket))
    expect(alive.length).toBeGreaterThan(0)
    for (const socket of alive) await socket.next(tellsOf(again.body.id))
    for (const socket of sockets) socket.socket.terminate()
    await until('a new worker', () => {
      const now = workersOf(registry.pid)
      return now.length === 2 && !now.includes(workers[0] as number) ? true : undefined
    })
  })

  test('with the TEG killed a transfer is 503 teg_unavailable; with it back the same key settles once', async () => {
    const before = await available(payer, alice)
    await teg.stop('SIGKILL')
    const refused = await pay('2', 'while-away')
    expect([refused.status, refused.body.code]).toEqual([503, 'teg_unavailable'])
    expect((await registry.api.get('/readyz')).status).toBe(503)
    expect((await registry.api.get(`/agents/${payee}`)).status).toBe(200)
    teg = await startTeg()
    expect(await available(payer, alice)).toBe(before)
    const paid = await pay('2', 'while-away')
    expect([paid.status, paid.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect(await available(payer, alice)).toBe(String(Number(before) - 2))
    await until('readiness', async () =>
      (await registry.api.get('/readyz')).status === 200 ? true : undefined,
    )
  })

  test('SIGTERM answers the request at work and ends with 0 within the grace; nothing is lost', async () => {
    const body = JSON.stringify({ from_agent: payer, to_agent: payee, amount: '3' })
    let admitted = () => {}
    const isAdmitted = new Promise<void>((resolve) => {
      admitted = resolve
    })
    const answered = new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const sent = httpRequest(`${registry.url}/api/v1/transfers`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${alice}`,
          'content-type': 'application/json',
          'content-length': body.length,
          'idempotency-key': 'at-work',
          expect: '100-continue',
        },
      })
      sent.on('error', reject)
      // The server has taken the request; its body comes when the host is already stopping.
      sent.on('continue', () => {
        admitted()
        void until('the stop', () => (registry.output().includes('stopping') ? true : undefined)).then(() =>
          sent.end(body),
        )
      })
      sent.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, text }))
      })
      sent.flushHeaders()
    })
    await isAdmitted
    const began = performance.now()
    const ended = registry.stop('SIGTERM')
    const answer = await answered
    expect(answer.status).toBe(201)
    expect(await ended).toBe(0)
    expect(performance.now() - began).toBeLessThan(GRACE_SECONDS * 1000)

    registry = await startRegistry()
    const again = await pay('3', 'at-work')
    expect([again.status, again.body.id]).toEqual([201, JSON.parse(answer.text).id])
    expect(await teg.stop('SIGTERM')).toBe(0)
  })
})
