/** Transfers of some agents or of all, newest first. */
import type { z } from 'zod'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { Transfer, TransferSearch } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readTransfers, readTransfersOf } from './queries.ts'
import { showTransfer } from './show-transfer.ts'

export async function searchTransfers(
  ctx: TegContext,
  search: z.output<typeof TransferSearch>,
): Promise<Page<Transfer>> {
  const { agents, direction, status, limit, cursor } = search
  // Not the agents: a developer's list grows between two pages. The registry binds its cursor to the named agent.
  const filters = { direction, status }
  const [text] = cursor === null ? [] : decodeCursor(cursor, filters, [/^\d{1,18}$/])
  const before = text === undefined ? null : BigInt(text)
  // Inside one registry a transfer is completed when it is there.
  if (status === 'pending' || status === 'failed') return { items: [], next_cursor: null }
  const rows =
    agents === null
      ? await readTransfers(ctx.db, before, limit + 1)
      : await readTransfersOf(ctx.db, agents, direction ? [direction] : ['in', 'out'], before, limit + 1)
  return toPage(rows, limit, filters, (row) => [row.seq.toString()], showTransfer)
}
