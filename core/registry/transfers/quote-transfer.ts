/** Quotes a transfer: a signed, stateless promise of the fee rate in force, good for fifteen minutes. */
import { formatAmount, parseRate } from '#core/base/amount.ts'
import { isUuid } from '#core/base/ids.ts'
import type { RegistryContext } from '../context.ts'
import { isForeign } from './command-transfer.ts'
import { fail } from './errors.ts'
import { selectAgents } from './queries.ts'
import { inRange, isOpenStatus, mayActFor, priceOf, QUOTE_MS, writeTerms } from './rules.ts'
import type { QuoteOut, QuoteQuery } from './schema.ts'

/**
 * @throws 404 agent_not_found; 403 not_owner for a payer that the caller may not act for; 409 agent_not_active;
 *   409 no_route for an agent of a registry that is no peer; 422 same_agent, amount_out_of_range
 */
export async function quoteTransfer(ctx: RegistryContext, asked: QuoteQuery): Promise<QuoteOut> {
  const refs = [asked.from_agent, asked.to_agent]
  const rows = await selectAgents(
    ctx.db,
    refs.filter(isUuid),
    refs.filter((ref) => !isUuid(ref)),
  )
  const find = (ref: string) => rows.find((row) => row.id === ref || row.did === ref)
  const from = find(asked.from_agent)
  const to = find(asked.to_agent)
  if (!from) throw fail('agent_not_found', `There is no agent ${asked.from_agent} here to pay from.`)
  if (!mayActFor(ctx.caller, from)) throw fail('not_owner', `The credential may not act for ${from.id}.`)
  if (!to) {
    if (isForeign(ctx, asked.to_agent)) throw fail('no_route', `There is no route to ${asked.to_agent}.`)
    throw fail('agent_not_found', `There is no agent ${asked.to_agent} to pay.`)
  }
  if (from.id === to.id) throw fail('same_agent')
  if (!inRange(asked.amount))
    throw fail('amount_out_of_range', 'A transfer moves from 0.0001 to 9007199254.740991 AVT.')
  for (const agent of [from, to])
    if (!isOpenStatus(agent.status))
      throw fail('agent_not_active', `The agent ${agent.id} is ${agent.status}.`)

  const fees = await ctx.teg.fees(ctx)
  const amount = formatAmount(asked.amount)
  const valid_until = new Date(ctx.clock.now().getTime() + QUOTE_MS).toISOString()
  const terms = writeTerms({
    from: { id: from.id, did: from.did },
    to: { id: to.id, did: to.did },
    amount,
    fee_snapshot: fees.id,
    valid_until,
  })
  return {
    quote_id: await ctx.keys.sign('quote', terms),
    amount,
    ...priceOf(asked.amount, parseRate(fees.effective_rate, 6) ?? 0n),
    route: 'local',
    valid_until,
  }
}
