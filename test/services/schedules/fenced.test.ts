import type { Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { silentLog } from '#core/platform/log.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { buildTeg } from '#host/build-teg.ts'
import { installedMajors, type PrivatePostgres, startPostgres } from '#test/bench/start-postgres.ts'
import { hasRedis, type OwnRedis, startRedis } from '#test/support/crew/own-redis.ts'
import {
  type FleetWorker,
  proofDatabase,
  readLedger,
  startWorker,
  stopFleet,
} from '#test/support/crew/schedule-fleet.ts'
import type { Deed, Told, WorkerSpec } from '#test/support/crew/schedule-worker.ts'

const present = installedMajors().length > 0 && hasRedis()
if (!present && process.env.REQUIRE_SERVICES === '1')
  throw new Error('PostgreSQL and Redis must be installed')

const TTL_MS = 1500
/** Due once in the life of a test; caught up on by whoever takes over. */
const RARELY = 3600
const TOKEN = 'service-token-for-tests-0123456789'

const inside = (told: Told) => told.what === 'inside'
const outcome = (told: Told) => told.what === 'outcome'

describe.skipIf(!present)('a task whose holder', () => {
  let postgres: PrivatePostgres
  let redis: OwnRedis
  let serial = 0
  const fleet: FleetWorker[] = []
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } })
    redis = await startRedis()
  })
  afterEach(async () => {
    await stopFleet(fleet.splice(0))
  })
  afterAll(async () => {
    await redis?.stop()
    await postgres?.stop()
  })

  /** A holder at work on the one due time there is, and an heir that waits. `deeds`: of the first and of the second. */
  async function pair(first: Deed, second: Deed, freeze = false, teg?: WorkerSpec['teg']) {
    const { url, db } = await proofDatabase(postgres, `pair_${++serial}`)
    // Known since yesterday: the newest due time of the hour is the task's.
    await db.query(
      `insert into registry.tasks (task, known_since) values ('job', clock_timestamp() - interval '1 day')`,
    )
    const start = async (holder: string, deed: Deed) => {
      const tasks = { job: { everySeconds: RARELY, deed } }
      const worker = await startWorker({
        database: url,
        redis: redis.url,
        holder,
        ttlMs: TTL_MS,
        tasks,
        ...(teg ? { teg } : {}),
      })
      fleet.push(worker)
      return worker
    }
    await redis.command('FLUSHALL')
    const holder = await start('holder', first)
    await holder.until(inside)
    if (freeze) holder.signal('SIGSTOP')
    return { db, holder, heir: await start('heir', second) }
  }
  const runOf = async (db: Awaited<ReturnType<typeof pair>>['db']) =>
    db.query<{ state: string; attempt: number; holder: string; epoch: bigint }>(
      'select state, attempt, holder, epoch from registry.task_runs',
    )

  test('is frozen in the middle of a write: the write is lost with its transaction, the heir makes it', async () => {
    const { db, holder, heir } = await pair({ kind: 'slow-write', waitMs: 500 }, { kind: 'effect' }, true)
    await expect
      .poll(() => runOf(db), { timeout: 20_000 })
      .toMatchObject([{ state: 'completed', holder: 'heir' }])
    holder.signal('SIGCONT')
    const done = await holder.until(outcome)
    expect(done).not.toMatchObject({ outcome: 'done' })
    expect(await runOf(db)).toEqual([{ state: 'completed', attempt: 2, holder: 'heir', epoch: 2n }])
    expect(await db.query('select holder from proof.writes')).toEqual([{ holder: 'heir' }])
    expect(heir.child.exitCode).toBeNull()
    await db.close()
  })

  test('blocks its event loop for longer than the lease lives: it is taken over, and its late write is refused', async () => {
    const { db, holder } = await pair({ kind: 'block', blockMs: TTL_MS * 4 }, { kind: 'effect' })
    await expect
      .poll(() => runOf(db), { timeout: 20_000 })
      .toMatchObject([{ state: 'completed', holder: 'heir' }])
    const late = await holder.until(outcome)
    expect(late).toMatchObject({ epoch: '1' })
    expect(['FencedOut', 'LeaseLost']).toContain((late as { outcome: string }).outcome)
    const ledger = await readLedger(db)
    expect(ledger).toMatchObject({ runs: 1, completed: 1, effects: 1, stale: 0 })
    expect(await db.query('select holder from proof.writes')).toEqual([{ holder: 'heir' }])
    await db.close()
  })

  test('is frozen before its command to the TEG: the TEG has seen the heir and refuses it with stale_epoch', async () => {
    const { url, db: ledger } = await proofDatabase(postgres, `teg_${++serial}`)
    const resources: Resources = {
      db: ledger,
      coordination: openInProcess(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    }
    const config = readConfig({ DATABASE_URL: url, TEG_DATABASE_URL: url })
    const teg = await buildTeg({
      config,
      resources,
      serviceToken: TOKEN,
      observe: () => undefined,
      draining: () => false,
    })
    const newId = idMaker(systemClock, systemRandom)
    const server: Server = toNode(teg.app, { newId, draining: () => false })
    const port = await listen(server, 0, '127.0.0.1')
    try {
      const [agent, owner, one, two] = [newId(), newId(), newId(), newId()]
      await teg.resources.gate.post([{ op: 'open_account', agent, did: `did:web:x:${agent}`, owner }])
      const grant = (developer: string): Deed => ({ kind: 'grant', developer, agent })
      const { db, holder, heir } = await pair(grant(one), grant(two), true, {
        url: `http://127.0.0.1:${port}`,
        token: TOKEN,
      })
      await heir.until(inside)
      heir.send('go')
      expect(await heir.until(outcome)).toMatchObject({ outcome: 'done', epoch: '2' })
      holder.send('go')
      holder.signal('SIGCONT')
      expect(await holder.until(outcome)).toMatchObject({ outcome: 'stale_epoch', epoch: '1' })
      const granted = await ledger.query('select developer from teg.grants')
      expect(granted).toEqual([{ developer: two }])
      expect(await ledger.query('select task, epoch from teg.task_epochs')).toEqual([
        { task: 'job', epoch: 2n },
      ])
      await db.close()
    } finally {
      await closeServer(server, 1000)
      await ledger.close()
    }
  })
})
