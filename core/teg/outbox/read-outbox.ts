/** Events of committed batches after a number; numbers have no gaps and never change. */
import type { z } from 'zod'
import type { OutboxItem, OutboxPage } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { type Fact, readFacts } from '../ledger/read-facts.ts'
import { showEnd, showIssue, showMovement } from './events.ts'
import { type EventKey, numberOutbox, readEventKeys, readIncarnation } from './queries.ts'

export async function readOutbox(
  ctx: TegContext,
  query: { after: number; limit: number },
): Promise<z.output<typeof OutboxPage>> {
  await numberOutbox(ctx.db)
  const keys = await readEventKeys(ctx.db, BigInt(query.after), query.limit)
  const facts = await readFacts(
    ctx,
    keys.map((key) => key.seq),
  )
  const items = keys.map((key) => showEvent(key, facts.get(key.seq) as Fact))
  return { incarnation: await readIncarnation(ctx.db), items }
}

function showEvent({ number, what }: EventKey, fact: Fact): OutboxItem {
  switch (what) {
    case 0:
      return showMovement(number, fact.movement as NonNullable<Fact['movement']>)
    case 1:
      return showIssue(number, fact.issued as NonNullable<Fact['issued']>)
    default:
      return showEnd(number, fact)
  }
}
