/** Counts anew how many cards hold each word, tag and skill. A task runs it; new terms are suggested without it. */
import type { RegistryContext } from '../context.ts'
import { recountTerms } from './lexicon-queries.ts'

/**
 * Reads every visible card once (some ten seconds for 100,000 cards).
 * @returns how many terms got another count and how many were deleted
 */
export function refreshLexicon(
  ctx: Pick<RegistryContext, 'db'>,
): Promise<{ changed: number; deleted: number }> {
  return ctx.db.transaction((tx) => recountTerms(tx))
}
