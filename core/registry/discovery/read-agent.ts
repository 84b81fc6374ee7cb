/** Reads one card of the index by did or by local id. */
import { isUuid } from '#core/base/ids.ts'
import type { RegistryContext } from '../context.ts'
import { findCard } from './card-queries.ts'
import { fail } from './errors.ts'
import { serveEnvelope } from './rules.ts'

/** @throws agent_not_found for what is unknown or not visible */
export async function readAgent(ctx: Pick<RegistryContext, 'db'>, ref: string) {
  const card = await findCard(ctx.db, didSpellings(ref), isUuid(ref) ? ref : null)
  if (!card) throw fail('agent_not_found', `No agent is listed as ${ref}.`)
  return serveEnvelope(card)
}

/** A did whose port separator was decoded on its way (`%3A` to `:`) is understood as well. */
export function didSpellings(ref: string): string[] {
  const encoded = ref.replace(/^(did:web:[^:%]+):(\d{1,5})(?=:|$)/, '$1%3A$2')
  return encoded === ref ? [ref] : [ref, encoded]
}
