/** Makes the gate's command of a transfer, and reads the gate's outcome of it. */
import { formatAmount } from '#core/base/amount.ts'
import type { Command, Outcome, Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from './errors.ts'
import type { FoundAgent } from './find-agents.ts'
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

/** What must run before a command that names these agents: accounts that the TEG does not have yet. */
export const openingsOf = (agents: Iterable<FoundAgent | undefined>): Command[] => {
  const openings = new Map<string, Command[]>()
  for (const agent of agents) if (agent?.unopened) openings.set(agent.id, openingCommands(agent.unopened))
  return [...openings.values()].flat()
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
  throw refusal(publicRefusal(ctx, outcome.error, toAgent))
}

/** Runs one command behind the openings it needs. */
export async function runBehind(
  ctx: RegistryContext,
  openings: readonly Command[],
  command: Command,
): Promise<Outcome | undefined> {
  if (openings.length === 0) return ctx.teg.command(ctx, command)
  return (await ctx.teg.commands(ctx, [...openings, command])).at(-1)
}
