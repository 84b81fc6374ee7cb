/** Events of committed batches after a number; numbers have no gaps and never change. */
import type { z } from 'zod'
import type { OutboxItem, OutboxPage } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readOutcomes } from '../ledger/queries.ts'
import { readTokenEvents } from '../ledger/token-queries.ts'
import { showMovement, showToken } from './events.ts'
import { numberOutbox, readEventKeys, readIncarnation } from './queries.ts'

export async function readOutbox(
  ctx: TegContext,
  query: { after: number; limit: number },
): Promise<z.output<typeof OutboxPage>> {
  await numberOutbox(ctx.db)
  const keys = await readEventKeys(ctx.db, BigInt(query.after), query.limit)
  // A redemption's event shows the movement too: it has the same ledger number.
  const movements = keys.filter((key) => key.token_event === null || key.token_event === 2)
  const rows =
    movements.length > 0 ? await readOutcomes(ctx.db, [...new Set(movements.map((key) => key.seq))]) : []
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  const tokenKeys = keys.filter((key) => key.token_event !== null)
  const tokens =
    tokenKeys.length > 0
      ? await readTokenEvents(
          ctx.db,
          tokenKeys.map((key) => key.seq),
        )
      : []
  const tokenBySeq = new Map(tokens.map((row) => [row.event_seq, row]))
  const items = keys.flatMap((key): OutboxItem[] => {
    const movement = bySeq.get(key.seq)
    if (key.token_event === null) return movement ? [showMovement(key.number, movement)] : []
    const token = tokenBySeq.get(key.seq)
    return token ? [showToken(key.number, key.token_event, token, movement)] : []
  })
  return { incarnation: await readIncarnation(ctx.db), items }
}
