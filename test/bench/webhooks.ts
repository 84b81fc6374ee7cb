/**
 * Deliveries against bare loops of undici: `node test/bench/webhooks.ts [url of an empty database]`; without one a private
 * server is started. Each round sends documents of one size to one sink, with as many requests at the same time: ours, a
 * loop that signs by hand what ours sign (v1 and v1a) and sends it, and a loop that only sends. Ours are also leased,
 * read from the journal, sent through the guard of addresses and kept with their log.
 */
import { fork } from 'node:child_process'
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Pool } from 'undici'
import { backgroundCall } from '#core/platform/background-call.ts'
import { readConfig } from '#core/platform/config.ts'
import { type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { migrations } from '#core/registry/migrations.generated.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { createWebhook } from '#core/registry/webhooks/create-webhook.ts'
import { deliverDue } from '#core/registry/webhooks/deliver-due.ts'
import { queueEvents } from '#core/registry/webhooks/queue-events.ts'
import { REQUESTS_PER_WEBHOOK } from '#core/registry/webhooks/run-lane.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { judgeReport, median, printReport, round, say } from './report.ts'
import { startPostgres } from './start-postgres.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const EVENTS = Number(process.env.BENCH_EVENTS ?? 1500)
const WEBHOOKS = 4
/** Rounds before those that count. */
const WARM_UP = 2
const DELIVERIES = EVENTS * WEBHOOKS

const given = process.argv[2]
const server = given ? null : await startPostgres()
const db = openPg({ url: given ?? (server as { url: string }).url, max: 10 })
const sink = fork(new URL('./bare-sink.ts', import.meta.url), { stdio: 'inherit' })
const port = await new Promise<number>((resolve) =>
  sink.once('message', (message) => resolve(Number(message))),
)

try {
  await migrate(db, 'registry', migrations)
  const resources: Resources = {
    db,
    coordination: openInProcess(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  }
  const built = await buildRegistry({
    config: readConfig({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32' }),
    resources,
    teg: openTegClient({
      token: 'service-token-of-the-bench-0123456789',
      fetch: async () => new Response(null, { status: 503 }),
      newId: () => crypto.randomUUID(),
    }),
    wake: () => undefined,
    observe: () => undefined,
    draining: () => false,
  })
  const { signal } = new AbortController()
  const open = (): RegistryContext => ({
    ...built.resources,
    ...backgroundCall(built.resources, 'bench', signal),
    caller: { kind: 'operator', account: null, key: 'bench', roles: ['operator'] },
  })
  for (let i = 0; i < WEBHOOKS; i++)
    await createWebhook(open(), { url: `http://127.0.0.1:${port}/${i}`, types: ['transfer.*'] })

  const document = (n: number) =>
    JSON.stringify({
      specversion: '1.0',
      id: '01a20efe-26cb-76bd-8b6f-c88e91601e83',
      source: '/registries/ninefold/teg',
      type: 'transfer.completed',
      subject: `transfers/${n}`,
      time: '2026-11-24T12:00:00.000Z',
      datacontenttype: 'application/json',
      sourcesequence: String(n),
      data: { amount: '1', fee: '0.005', memo: 'x'.repeat(150) },
    })
  const rates = {
    ours: [] as number[],
    signed: [] as number[],
    unsigned: [] as number[],
    queued: [] as number[],
  }
  const lanes = {
    ours: sendOurs,
    signed: () => sendBare(DELIVERIES, true),
    unsigned: () => sendBare(DELIVERIES, false),
  }
  for (let count = -WARM_UP; count < ROUNDS; count++) {
    const queued = await fill(count + WARM_UP)
    const measured: Record<string, number> = {}
    // Turn by turn in changing order, so that a busy machine hits all.
    const names = Object.keys(lanes) as (keyof typeof lanes)[]
    const first = Math.abs(count) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) measured[name] = await lanes[name]()
    if (count < 0) continue
    for (const name of names) rates[name].push(measured[name] as number)
    rates.queued.push(queued)
    say(
      `round ${count + 1}: ${names.map((name) => `${name} ${Math.round(measured[name] ?? 0)}/s`).join(', ')}`,
    )
  }
  const ratioTo = (rival: 'signed' | 'unsigned') =>
    round(median(rates.ours.map((rate, i) => rate / (rates[rival][i] as number))))
  printReport(
    judgeReport(
      'webhooks',
      {
        deliveries_per_second: round(median(rates.ours)),
        bare_per_second: round(median(rates.signed)),
        bare_unsigned_per_second: round(median(rates.unsigned)),
        queued_per_second: round(median(rates.queued)),
        requests_at_once: WEBHOOKS * REQUESTS_PER_WEBHOOK,
      },
      { deliveries_to_bare: ratioTo('signed'), deliveries_to_bare_unsigned: ratioTo('unsigned') },
      {
        deliveries_to_bare: { required: 0.8, better: 'more' },
        deliveries_to_bare_unsigned: { goal: 0.8, better: 'more' },
      },
    ),
  )

  /** Journal rows and their deliveries, as relay and reactor write them. @returns deliveries queued a second */
  async function fill(number: number): Promise<number> {
    const first = number * EVENTS + 1
    const rows = Array.from({ length: EVENTS }, (_, i) => ({
      index: first + i,
      id: crypto.randomUUID(),
      envelope: document(first + i),
    }))
    await db.query(
      `insert into registry.journal
         (index, id, source, sourcesequence, type, subject, time, envelope, recorded_at)
       select r.index, r.id, '/bench', r.index, 'transfer.completed', 'transfers/1', clock_timestamp(), r.envelope,
         clock_timestamp()
       from json_to_recordset($1::json) as r(index bigint, id uuid, envelope text)`,
      [JSON.stringify(rows)],
    )
    const events = rows.map(({ index, id }) => ({
      index: BigInt(index),
      id,
      type: 'transfer.completed',
      audience: null,
      targets: 7,
    }))
    const started = performance.now()
    for (let at = 0; at < events.length; at += 200)
      await db.transaction((tx) => queueEvents(open(), events.slice(at, at + 200), tx))
    return (DELIVERIES / (performance.now() - started)) * 1000
  }

  async function sendOurs(): Promise<number> {
    const started = performance.now()
    const { delivered, failed } = await deliverDue(open())
    const seconds = (performance.now() - started) / 1000
    if (delivered !== DELIVERIES || failed > 0)
      throw new Error(`${delivered} of ${DELIVERIES} delivered, ${failed} failed`)
    return delivered / seconds
  }
} finally {
  sink.disconnect()
  await db.close()
  await server?.stop()
}

/** As many requests at once, each connection sending the next when it has an answer. @returns requests a second */
async function sendBare(total: number, isSigned: boolean): Promise<number> {
  const connections = WEBHOOKS * REQUESTS_PER_WEBHOOK
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })
  const secret = randomBytes(32)
  const { privateKey } = generateKeyPairSync('ed25519')
  const id = '01a20efe-26cb-76bd-8b6f-c88e91601e83'
  const signatures = (timestamp: string, body: string): Record<string, string> => {
    const text = `${id}.${timestamp}.${body}`
    const v1 = createHmac('sha256', secret).update(text).digest('base64')
    const v1a = sign(null, Buffer.from(text), privateKey).toString('base64')
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${v1} v1a,${v1a}` }
  }
  let sent = 0
  const started = performance.now()
  const work = async () => {
    while (sent < total) {
      const n = sent++
      const body = `{"timestamp":"2026-11-24T12:00:00.000Z","index":${n},"id":"${id}","data":"${'x'.repeat(350)}"}`
      const timestamp = String(Math.floor(Date.now() / 1000))
      const answer = await pool.request({
        method: 'POST',
        path: `/${n % WEBHOOKS}`,
        headers: {
          'content-type': 'application/cloudevents+json',
          'user-agent': 'bare',
          ...(isSigned ? signatures(timestamp, body) : {}),
        },
        body,
      })
      await answer.body.dump()
      if (answer.statusCode !== 204) throw new Error(`the sink answered ${answer.statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  const rate = (total / (performance.now() - started)) * 1000
  await pool.close()
  return rate
}
