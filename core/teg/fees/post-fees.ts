/** Takes the registry's rates into force: once per settings version, a lower version is ignored. */
import type { z } from 'zod'
import type { FeePosting, FeeSnapshot } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { addSnapshot } from './queries.ts'
import { readFees } from './read-fees.ts'
import { boundedRate } from './rules.ts'

/** @throws 422 out_of_bounds */
export async function postFees(ctx: TegContext, posting: z.output<typeof FeePosting>): Promise<FeeSnapshot> {
  const base = boundedRate(posting.base_rate, '/base_rate')
  const effective = boundedRate(posting.effective_rate, '/effective_rate')
  await addSnapshot(ctx.db, { version: posting.settings_version, base, effective, time: ctx.time })
  return readFees(ctx)
}
