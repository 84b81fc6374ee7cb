/**
 * Speed of the EventStore beside plain tables on the same server: `node test/bench/event-store.ts [url of a server]`;
 * without one a private server is started. Rounds of ours and of the rival alternate; ratios are medians over rounds.
 * Batches are of 500, as the forwarder tells them; batches of 100 are measured beside. Rival: a multi-row INSERT of the
 * same documents into a table with the same unique keys (the index, source and number).
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { formatCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { encodeCommitment } from '#core/base/tlog/commitment.ts'
import { type Hash, hashLeaf, sha256 } from '#core/base/tlog/merkle.ts'
import { verifyInclusion } from '#core/base/tlog/proofs.ts'
import type { EventStoreContext } from '#core/event-store/context.ts'
import { appendEvents } from '#core/event-store/log/append-events.ts'
import { emptyTree, growTree, treeRoot } from '#core/event-store/log/grow-tree.ts'
import { migrations } from '#core/event-store/migrations.generated.ts'
import { proveInclusion } from '#core/event-store/proofs/prove-inclusion.ts'
import { backgroundCall } from '#core/platform/background-call.ts'
import { readConfig } from '#core/platform/config.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import type { AppendBatch } from '#core/wire/event-store.ts'
import { buildEventStore } from '#host/build-event-store.ts'
import { judgeReport, median, printReport, round, say } from './report.ts'
import { startPostgres } from './start-postgres.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 2)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const LEAVES = Number(process.env.BENCH_LEAVES ?? 1_000_000)
/** As the forwarder tells them, and small ones. */
const BATCH = 500
const SMALL = 100
const SUBMITTERS = 32
const EACH = 5
const PROOFS = 2000
const POOL = 8

type Events = AppendBatch['events']

const server = process.argv[2]
  ? null
  : await startPostgres({ settings: { shared_buffers: '256MB', max_wal_size: '4GB' } })
const url = process.argv[2] ?? server?.url ?? ''
const names = { append: `bench_append_${process.pid}`, proofs: `bench_proofs_${process.pid}` }
const RIVAL = `create table rival (
  index bigint generated always as identity primary key, source text not null, sequence bigint not null, id uuid not null,
  type text not null, payload text not null, recorded_at timestamptz not null default clock_timestamp(),
  constraint rival_source unique (source, sequence))`

const admin = openPg({ url, max: 1 })
const urlOf = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href

try {
  for (const name of Object.values(names)) await admin.script(`create database ${name} template template0`)
  const appended = await measureAppends()
  const proven = await measureProofs()
  const figures = { ...appended.figures, ...proven }
  printReport(
    judgeReport('event-store', figures, appended.ratios, {
      batched_append_to_insert: { required: 0.75, goal: 1, better: 'more' },
      small_append_to_insert: { goal: 0.75, better: 'more' },
      submitters_to_inserts: { required: 1.5, goal: 2.5, better: 'more' },
      submitters_p99_to_inserts: { goal: 0.75, better: 'less' },
      inclusion_proof_p99_ms: { required: 5, goal: 2, better: 'less' },
    }),
  )
} finally {
  for (const name of Object.values(names)) await admin.script(`drop database if exists ${name} with (force)`)
  await admin.close()
  await server?.stop()
}

async function open(name: string): Promise<{ db: Database; ctx: () => EventStoreContext }> {
  const db = openPg({ url: urlOf(name), max: POOL })
  await migrate(db, 'event_store', migrations)
  const built = await buildEventStore({
    config: readConfig({ EVENT_STORE_TOKEN_SOURCES: '/bench/' }),
    resources: {
      db,
      coordination: openInProcess(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    },
    serviceToken: null,
    observe: () => undefined,
    draining: () => false,
  })
  const signal = new AbortController().signal
  const call = backgroundCall(built.resources, 'bench', signal)
  const ctx: EventStoreContext = { ...built.resources, ...call, caller: { kind: 'service', name: 'bench' } }
  return { db, ctx: () => ctx }
}

/** Events of a source from a number on, as a registry tells them: about 460 bytes each. */
function makeEvents(source: string, first: number, count: number): Events {
  return Array.from({ length: count }, (_, i) => {
    const id = randomUUID()
    const payload = JSON.stringify({
      specversion: '1.0',
      id,
      source,
      type: 'transfer.completed',
      subject: `transfers/${id}`,
      time: '2026-11-24T12:00:00.000Z',
      datacontenttype: 'application/json',
      sourcesequence: String(first + i),
      data: { id, from_agent: id, to_agent: id, amount: '12.5', fee: '0.0625', memo: 'for the weather' },
    })
    return { source, sequence: BigInt(first + i), id, salt: randomBytes(16).toString('base64url'), payload }
  })
}

function insertRival(db: Database, events: Events): Promise<unknown> {
  return db.query(
    `insert into rival (source, sequence, id, type, payload)
     select * from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[])`,
    [
      events.map(({ source }) => source),
      events.map(({ sequence }) => String(sequence)),
      events.map(({ id }) => id),
      events.map(() => 'transfer.completed'),
      events.map(({ payload }) => payload),
    ],
  )
}

interface Lane {
  readonly perSecond: number[]
  readonly milliseconds: number[]
}

async function measureAppends() {
  const { db, ctx } = await open(names.append)
  await db.script(RIVAL)
  let serial = 0
  /** Closed loops of callers, each with a source of its own; batches are made before the clock runs. */
  const lane = async (
    callers: number,
    size: number,
    post: (events: Events) => Promise<unknown>,
    into: Lane,
  ) => {
    let done = 0
    let until = 0
    const loop = async () => {
      const source = `/bench/${serial++}`
      let next = 1
      const ready: Events[] = []
      const refill = () => {
        for (let i = 0; i < 8; i++, next += size) ready.push(makeEvents(source, next, size))
      }
      refill()
      while (performance.now() < until) {
        if (ready.length === 0) refill()
        const started = performance.now()
        await post(ready.shift() as Events)
        into.milliseconds.push(performance.now() - started)
        done += size
      }
    }
    const started = performance.now()
    until = started + SECONDS * 1000
    await Promise.all(Array.from({ length: callers }, loop))
    into.perSecond.push(done / ((performance.now() - started) / 1000))
  }
  const lanes = {
    append: make(),
    insert: make(),
    small_append: make(),
    small_insert: make(),
    submit: make(),
    single: make(),
  }
  const append = (events: Events) => appendEvents(ctx(), { events })
  const insert = (events: Events) => insertRival(db, events)
  const runs: [Lane, number, number, (events: Events) => Promise<unknown>][] = [
    [lanes.append, 1, BATCH, append],
    [lanes.insert, 1, BATCH, insert],
    [lanes.small_append, 1, SMALL, append],
    [lanes.small_insert, 1, SMALL, insert],
    [lanes.submit, SUBMITTERS, EACH, append],
    [lanes.single, SUBMITTERS, EACH, insert],
  ]
  for (const [, callers, size, post] of runs) await lane(callers, size, post, make())
  for (let n = 0; n < ROUNDS; n++)
    for (const [into, callers, size, post] of n % 2 === 0 ? runs : [...runs].reverse())
      await lane(callers, size, post, into)
  await db.close()
  const rates = Object.entries(lanes).map(([name, one]) => [
    `${name}_events_per_second`,
    round(median(one.perSecond)),
  ])
  const ratio = (a: Lane, b: Lane) =>
    round(median(a.perSecond.map((rate, i) => rate / (b.perSecond[i] as number))))
  const figures: Record<string, number> = {
    ...Object.fromEntries(rates),
    submit_p99_ms: round(percentile(lanes.submit.milliseconds, 0.99)),
    single_p99_ms: round(percentile(lanes.single.milliseconds, 0.99)),
  }
  const ratios = {
    batched_append_to_insert: ratio(lanes.append, lanes.insert),
    small_append_to_insert: ratio(lanes.small_append, lanes.small_insert),
    submitters_to_inserts: ratio(lanes.submit, lanes.single),
    submitters_p99_to_inserts: round((figures.submit_p99_ms as number) / (figures.single_p99_ms as number)),
  }
  for (const [name, value] of Object.entries({ ...figures, ...ratios })) say(`${name}: ${value}`)
  return { figures, ratios }
}

function make(): Lane {
  return { perSecond: [], milliseconds: [] }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** A log of a million leaves: its tiles, its head and the entries of its last tile, which is all that proofs read. */
async function measureProofs(): Promise<Record<string, number>> {
  const { db, ctx } = await open(names.proofs)
  const started = performance.now()
  const [full, partial] = [LEAVES - (LEAVES % 256), LEAVES % 256]
  const tree = emptyTree()
  const counter = Buffer.alloc(8)
  for (let start = 0; start < full; start += 25_600) {
    const leaves: Hash[] = []
    for (let i = start; i < Math.min(full, start + 25_600); i++) {
      counter.writeBigUInt64BE(BigInt(i))
      leaves.push(sha256(counter))
    }
    const tiles = growTree(tree, leaves)
    await db.query(
      `insert into event_store.tiles (level, index, hashes, root)
       select t.level, t.index, substring($3::bytea from (t.place::integer - 1) * 8192 + 1 for 8192),
         substring($4::bytea from (t.place::integer - 1) * 32 + 1 for 32)
       from unnest($1::smallint[], $2::bigint[]) with ordinality t(level, index, place)`,
      [
        tiles.map(({ level }) => String(level)),
        tiles.map(({ index }) => String(index)),
        Buffer.concat(tiles.map(({ hashes }) => hashes)),
        Buffer.concat(tiles.map(({ root }) => root)),
      ],
    )
  }
  for (let i = 0; i < partial; i++) {
    const payloadHash = randomBytes(32)
    const entry = encodeCommitment({
      source: '/bench/last',
      sequence: BigInt(i + 1),
      id: `${i}`,
      payloadHash,
    })
    growTree(tree, [hashLeaf(entry)])
    await db.query(
      `insert into event_store.entries (index, source, sequence, type, entry, recorded_at)
       values ($1, 1, $2, 'x', $3, clock_timestamp())`,
      [full + i, i + 1, entry],
    )
  }
  const { log, origin } = ctx().keys
  const text = formatCheckpoint({ origin, size: LEAVES, root: treeRoot(tree) })
  await db.query('update event_store.log_head set size = $1, root = $2, checkpoint = $3', [
    LEAVES,
    treeRoot(tree),
    `${text}\n${log.sign(text)}`,
  ])
  await db.query('analyze event_store.tiles')
  say(`${LEAVES} leaves in ${Math.round((performance.now() - started) / 1000)} s`)
  const times: number[] = []
  for (let n = -100; n < PROOFS; n++) {
    const index = Math.floor(Math.random() * LEAVES)
    const before = performance.now()
    const made = await proveInclusion(ctx(), { index, size: undefined })
    if (n >= 0) times.push(performance.now() - before)
    const proof = made.proof.map((hash) => Buffer.from(hash, 'base64'))
    const leaf = Buffer.from(made.leaf_hash, 'base64')
    if (!verifyInclusion({ index, size: LEAVES, leaf, proof, root: treeRoot(tree) }))
      throw new Error(`the proof of ${index} does not verify`)
  }
  await db.close()
  const figures = {
    inclusion_proof_p50_ms: round(percentile(times, 0.5)),
    inclusion_proof_p99_ms: round(percentile(times, 0.99)),
    leaves: LEAVES,
  }
  for (const [name, value] of Object.entries(figures)) say(`${name}: ${value}`)
  return figures
}
