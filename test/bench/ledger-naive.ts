/** The naive ledger from Node: BEGIN, SELECT FOR UPDATE, two UPDATEs, INSERT, COMMIT for each transfer, over a pool. */
import { randomUUID } from 'node:crypto'
import type { Database } from '#core/platform/database/database.ts'
import type { GateRun, Pick } from './ledger-gate.ts'
import { addNaive, insertNaive, lockNaive } from './ledger-queries.ts'
import { quantile } from './report.ts'
import type { PrivatePostgres } from './start-postgres.ts'
import { watchServer } from './usage.ts'

export const NAIVE_DATABASE = 'naive'

const AMOUNT = 1_000n

export async function runNaive(
  db: Database,
  server: PrivatePostgres,
  load: { callers: number; seconds: number; pick: Pick },
): Promise<Omit<GateRun, 'meanMs' | 'transfers'>> {
  const times: number[] = []
  const usedSince = watchServer(server.pid, NAIVE_DATABASE)
  const [begin, node] = [performance.now(), process.cpuUsage()]
  const end = begin + load.seconds * 1000
  const caller = async () => {
    for (let sent = performance.now(); sent < end; ) {
      const [from, to] = load.pick()
      await transferNaively(db, from, to)
      const now = performance.now()
      times.push(now - sent)
      sent = now
    }
  }
  await Promise.all(Array.from({ length: load.callers }, caller))
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(node)
  const { backends, others } = usedSince()
  return {
    perSecond: times.length / seconds,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    backendUs: (backends * 1e6) / times.length,
    otherUs: (others * 1e6) / times.length,
    nodeUs: (user + system) / times.length,
  }
}

function transferNaively(db: Database, from: number, to: number): Promise<void> {
  return db.transaction(async (tx) => {
    const payer = (await lockNaive(tx, from, to)).find(({ id }) => id === BigInt(from))
    if (!payer || payer.balance < AMOUNT) throw new Error('the naive ledger ran out of funds')
    await addNaive(tx, from, -AMOUNT)
    await addNaive(tx, to, AMOUNT)
    await insertNaive(tx, from, to, randomUUID(), AMOUNT)
  })
}
