/** Sends one transfer through the gate, once the caller has shown the right to act for the payer. */
import { Reply } from '#core/base/reply.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { commandTransfer, runBehind, settled } from './command-transfer.ts'
import { fail } from './errors.ts'
import { type FoundAgent, findAgents } from './find-agents.ts'
import { mayActFor } from './rules.ts'
import type { TransferIn } from './schema.ts'

/**
 * @returns the Transfer with the payer's balance after it; 202 while it is on its way to another registry
 * @throws 404 agent_not_found, 403 not_owner (before the gate, the key stays free); the gate's refusals (they use it up)
 */
export async function submitTransfer(ctx: RegistryContext, asked: TransferIn): Promise<Reply<Transfer>> {
  const agents = await findAgents(ctx, [asked.from_agent, asked.to_agent])
  const from = payerOf(ctx, asked.from_agent, agents.get(asked.from_agent))
  const command = await commandTransfer(ctx, ctx.idempotencyKey ?? '', from, asked)
  const [outcome] = await runBehind(ctx, [from, agents.get(asked.to_agent)], [command])
  const transfer = settled(ctx, outcome, asked.to_agent)
  return new Reply(transfer, {
    status: transfer.status === 'pending' ? 202 : 201,
    replayed: outcome?.replayed === true,
  })
}

/**
 * The paying agent, when the caller may act for it. An agent's credential stands for that agent alone: for any other
 * one, also of the same owner, the answer is not_owner.
 */
export function payerOf(ctx: RegistryContext, ref: string, agent: FoundAgent | undefined): FoundAgent {
  if (!agent) throw fail('agent_not_found', `There is no agent ${ref} here to pay from.`)
  if (!mayActFor(ctx.caller, agent)) throw fail('not_owner', `The credential may not act for ${ref}.`)
  return agent
}
