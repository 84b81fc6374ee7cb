/** Events of committed batches after a number; numbers have no gaps and never change. */
import type { z } from 'zod'
import type { OutboxPage } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { showEvent } from './events.ts'
import { numberOutbox, readEvents, readIncarnation } from './queries.ts'

export async function readOutbox(
  ctx: TegContext,
  query: { after: number; limit: number },
): Promise<z.output<typeof OutboxPage>> {
  await numberOutbox(ctx.db)
  const rows = await readEvents(ctx.db, BigInt(query.after), query.limit)
  return { incarnation: await readIncarnation(ctx.db), items: rows.map(showEvent) }
}
