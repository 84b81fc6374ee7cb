/** Makes the gate's command of a transfer, and reads the gate's outcome of it. */
import { formatAmount } from '#core/base/amount.ts'
import type { Command, Outcome, Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from './errors.ts'
import { type FoundAgent, rememberOpened } from './find-agents.ts'
import { openingCommands } from './open-accounts.ts'
import { didHostOf, hashCommand, hostOfDid, judgeQuote, limitsOf, readTerms } from './rules.ts'
import type { TransferIn } from './schema.ts'

/** The command: everything whose answer can change with time travels with it and is judged behind the key's probe. */
export async function commandTransfer(
  ctx: RegistryContext,
  key: string,
  from: { id: string },
  asked: TransferIn,
): Promise<Command> {
  const amount = formatAmount(asked.amount)
  const memo = asked.memo ?? null
  const reference = asked.reference ?? null
  const quote_id = asked.quote_id ?? null
  return {
    op: 'transfer',
    key,
    hash: hashCommand('transfer', {
      from_agent: asked.from_agent,
      to_agent: asked.to_agent,
      amount,
      memo,
      reference,
      quote_id,
    }),
    from_agent: from.id,
    to_agent: asked.to_agent,
    amount,
    memo,
    reference,
    quote: quote_id === null ? null : await claimQuote(ctx, quote_id, asked),
    limits: limitsOf(ctx.caller),
  }
}

async function claimQuote(ctx: RegistryContext, quoteId: string, asked: TransferIn) {
  const payload = await ctx.keys.verify('quote', quoteId)
  const terms = payload === null ? null : readTerms(payload)
  return judgeQuote(terms, { from: asked.from_agent, to: asked.to_agent, amount: asked.amount })
}

/** Runs commands behind the openings of those agents' accounts that the TEG may not have yet, all in one batch. */
export async function runBehind(
  ctx: RegistryContext,
  agents: Iterable<FoundAgent | undefined>,
  commands: readonly Command[],
): Promise<Outcome[]> {
  const unopened = new Map<string, FoundAgent>()
  for (const agent of agents) if (agent?.unopened) unopened.set(agent.id, agent)
  if (unopened.size === 0 && commands.length === 1)
    return [await ctx.teg.command(ctx, commands[0] as Command)]
  const openings = [...unopened.values()].flatMap(({ unopened: row }) => (row ? openingCommands(row) : []))
  const outcomes = await ctx.teg.commands(ctx, [...openings, ...commands])
  if (outcomes.slice(0, openings.length).every(({ ok }) => ok)) rememberOpened(ctx, unopened.values())
  return outcomes.slice(openings.length)
}

/** The refusal's words for the public: an unknown did of another host has no route, whatever the gate calls it. */
export function publicRefusal(
  ctx: RegistryContext,
  error: { code: string; detail: string },
  toAgent: string,
): { code: string; detail: string } {
  if (error.code !== 'agent_not_found' || !isForeign(ctx, toAgent)) return error
  return { code: 'no_route', detail: `There is no route to ${toAgent}: its registry is no peer of this one.` }
}

/** True for a did of a registry that is not this one. */
export function isForeign(ctx: Pick<RegistryContext, 'config'>, ref: string): boolean {
  const host = hostOfDid(ref)
  if (host === null) return false
  const own = [ctx.config.PUBLIC_URL, ...ctx.config.PUBLIC_URL_ALIASES.split(',')]
  return !own.some((url) => url.trim() !== '' && didHostOf(url.trim()) === host)
}

/** The transfer of an accepted outcome. @throws the gate's refusal, in the public's words */
export function settled(ctx: RegistryContext, outcome: Outcome | undefined, toAgent: string): Transfer {
  if (outcome?.ok && outcome.transfer) return outcome.transfer
  if (!outcome?.error) throw new Error('the TEG gave no outcome')
  throw refusal(publicRefusal(ctx, outcome.error, toAgent), outcome.replayed)
}
