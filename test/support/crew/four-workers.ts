/** A host of four workers on a real PostgreSQL, and on a Redis that the test can cut off; two agents with money. */
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { openPg } from '#core/platform/database/pg.ts'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import { dataFolder, freePort, type Running, readMailToken, startProcess } from '#test/support/process.ts'
import { signUp } from '#test/support/sign-up.ts'
import { openTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts'
import { openSender, type Sender, type Shot } from './steady-load.ts'

export const WORKERS = 4
/** A part of Redis of its own: other hosts of the same run keep theirs in the first. */
export const REDIS_DATABASE = 7

export interface FourWorkers {
  readonly host: Running
  readonly redis: TcpProxy
  readonly sender: Sender
  readonly token: string
  readonly payer: string
  readonly payee: string
  /** Process ids of the workers, by age. */
  pids(): number[]
  /** Waits until the log holds a message so many times. */
  said(message: string, count?: number): Promise<void>
  /** How often it does. */
  lines(message: string): number
  /** The value of a sample of /metrics; 0 where it is absent. */
  figure(sample: string): Promise<number>
  /** A transfer of 0.01 AVT under a key. */
  pay(key: string): Shot
  /** What the payer has, in micro-AVT. */
  available(): Promise<bigint>
  close(): Promise<void>
}

const PATIENCE_MS = 170_000
const micro = (text: string): bigint => {
  const [whole = '0', part = ''] = text.split('.')
  return BigInt(whole) * 1_000_000n + BigInt(part.padEnd(6, '0'))
}

/** Starts it; `server` and `redisUrl` are the addresses of the tests' servers. */
export async function startFourWorkers(
  server: string,
  redisUrl: string,
  env: Record<string, string> = {},
): Promise<FourWorkers> {
  const name = `workers_${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`
  const admin = openPg({ url: server, max: 1 })
  await admin.query(`create database ${name} template template0`)
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
  const redis = await openTcpProxy(Object.assign(new URL(redisUrl), { pathname: `/${REDIS_DATABASE}` }).href)
  const folder = dataFolder()
  const metricsPort = await freePort()
  const host = await startProcess(folder.path, await freePort(), {
    HOST_WORKERS: String(WORKERS),
    DATABASE_URL: url,
    TEG_DATABASE_URL: url,
    DATABASE_POOL: '5',
    REDIS_URL: redis.url,
    METRICS_PORT: String(metricsPort),
    TRUSTED_PROXIES: '127.0.0.1',
    RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    ...env,
  })
  const lines = (message: string) =>
    host
      .output()
      .split('\n')
      .filter((line) => line.includes(`"message":"${message}"`)).length
  const until = async (what: string, done: () => boolean | Promise<boolean>) => {
    const end = performance.now() + PATIENCE_MS
    while (!(await done())) {
      if (performance.now() > end) throw new Error(`${what} did not come:\n${host.output().slice(-4000)}`)
      await wait(50)
    }
  }
  const said: FourWorkers['said'] = (message, count = 1) => until(message, () => lines(message) >= count)
  await said('a worker is ready', WORKERS)

  const token = await signUp(host.api, 'alice@example.com', (email) => readMailToken(folder.path, email))
  const publish = async (agent: string): Promise<string> =>
    (await host.api.post('/agents', { card: card10({ name: agent }) }, { token })).body.id
  const payer = await publish('Payer')
  const payee = await publish('Payee')
  const available = async () =>
    micro((await host.api.get(`/agents/${payer}/balance`, { token })).body.available)
  await until('the grant', async () => (await available()) > 0n)
  const sender = openSender(host.url)
  const body = JSON.stringify({ from_agent: payer, to_agent: payee, amount: '0.01' })
  return {
    host,
    redis,
    sender,
    token,
    payer,
    payee,
    pids: () =>
      readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, 'utf8')
        .trim()
        .split(/\s+/)
        .filter(Boolean)
        .map(Number),
    said,
    lines,
    async figure(sample) {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
      const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
      return line === undefined ? 0 : Number(line.slice(sample.length + 1))
    },
    pay: (key) => ({
      method: 'POST',
      path: '/api/v1/transfers',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body,
    }),
    available,
    async close() {
      await sender.close()
      await host.stop('SIGTERM')
      await redis.close()
      await admin.query(`drop database if exists ${name} with (force)`)
      await admin.close()
      folder.remove()
    },
  }
}
