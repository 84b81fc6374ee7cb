/** The naive ledger from Node: BEGIN, SELECT FOR UPDATE, two UPDATEs, INSERT, COMMIT for each transfer, over a pool. */
import { randomUUID } from 'node:crypto'
import type { Database } from '#core/platform/database/database.ts'
import type { Pick } from './ledger-gate.ts'
import { addNaive, insertNaive, lockNaive } from './ledger-queries.ts'
import { quantile } from './report.ts'

const AMOUNT = 1_000n

export async function runNaive(
  db: Database,
  load: { callers: number; seconds: number; pick: Pick },
): Promise<{ perSecond: number; p50Ms: number; p99Ms: number }> {
  const times: number[] = []
  const begin = performance.now()
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
  return { perSecond: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
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
