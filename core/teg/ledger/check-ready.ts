/** Whether the ledger's database answers. */
import type { TegContext } from '../context.ts'
import { readNewestSnapshot } from '../fees/queries.ts'
import { fail } from './errors.ts'

/** @throws 503 ledger_unavailable */
export async function checkReady(ctx: TegContext): Promise<{ status: 'ready' }> {
  try {
    await readNewestSnapshot(ctx.db)
  } catch (error) {
    throw fail('ledger_unavailable', 'The database does not answer.', { cause: error })
  }
  return { status: 'ready' }
}
