/** A transfer by id. */
import { fail } from '#core/base/errors.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readTransferRow } from './queries.ts'
import { showTransfer } from './show-transfer.ts'

/** @throws 404 not_found */
export async function readTransfer(ctx: TegContext, id: string): Promise<Transfer> {
  const row = await readTransferRow(ctx.db, id)
  if (!row) throw fail('not_found', 'There is no such transfer.')
  return showTransfer(row)
}
