/** The books for an audit: supply, treasury and the history's sums, all at one snapshot whose last event has a number. */
import { formatAmount } from '#core/base/amount.ts'
import type { DatabaseError } from '#core/platform/database/database.ts'
import type { Books } from '#core/wire/audit.ts'
import type { TegContext } from '../context.ts'
import { numberOutbox, readIncarnation } from '../outbox/queries.ts'
import { readLastNumber, readMoved, readSupplyRow, readTreasuryRow } from './queries.ts'

/** Batches of the history in one answer. */
const BATCHES_MAX = 50_000
/** Another numberer may come first: the snapshot is then taken again. */
const ATTEMPTS_MAX = 10
/** SQLSTATEs of that: a row that was taken meanwhile, a number that was given meanwhile. */
const RACED = new Set(['40001', '23505'])

/** @param after the end of what was counted before, as `counted_to` told it */
export async function readBooks(ctx: TegContext, after: number): Promise<Books> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOnce(ctx, BigInt(after))
    } catch (error) {
      const raced = RACED.has((error as Partial<DatabaseError> | null)?.code ?? '')
      if (!raced || attempt >= ATTEMPTS_MAX || ctx.signal.aborted) throw error
    }
  }
}

const readOnce = (ctx: TegContext, after: bigint): Promise<Books> =>
  ctx.db.transaction(
    async (tx) => {
      await numberOutbox(tx)
      const number = await readLastNumber(tx)
      const { counted_to, moved } = await readMoved(tx, after, BATCHES_MAX)
      const supply = await readSupplyRow(tx, ctx.time)
      const treasury = await readTreasuryRow(tx, ctx.time)
      const avt = (micro: string) => formatAmount(BigInt(micro))
      return {
        incarnation: await readIncarnation(tx),
        number: Number(number),
        counted_to: Number(counted_to),
        supply: {
          tokens_issued: avt(supply.issued),
          tokens_destroyed: avt(supply.destroyed),
          transit_net: avt(supply.transit),
          tokens_circulating: avt(supply.circulating),
          // An expiry is an event only when it is written: until then the events know of no end of the hold.
          holds: avt(supply.held),
          as_of: supply.as_of.toISOString(),
        },
        treasury: avt(treasury.balance),
        moved: moved.map(({ type, count, amount, fee }) => ({
          type,
          count: Number(count),
          amount: avt(amount),
          fee: avt(fee),
        })),
      }
    },
    { isolation: 'repeatable read' },
  )
