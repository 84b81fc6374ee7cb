/** Reads one transfer, for its parties' owners, its parties, operators and auditors; for everybody else there is none. */
import type { Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { type FoundAgent, findAgents } from './find-agents.ts'
import { mayActFor, seesAll } from './rules.ts'

/** A transfer with those of its parties that are agents of this registry. */
export interface SeenTransfer {
  readonly transfer: Transfer
  readonly payer: FoundAgent | undefined
  readonly payee: FoundAgent | undefined
}

/** @throws 404 not_found */
export async function seeTransfer(ctx: RegistryContext, id: string): Promise<SeenTransfer> {
  const found = await ctx.teg.transfer(ctx, id)
  if (!found) throw fail('not_found', `There is no transfer ${id} that you may see.`)
  const { balance_after: _private, ...transfer } = found
  const refs = [transfer.from_agent, ...(transfer.to_agent === null ? [] : [transfer.to_agent])]
  const agents = await findAgents(ctx, refs)
  const payer = agents.get(transfer.from_agent)
  const payee = transfer.to_agent === null ? undefined : agents.get(transfer.to_agent)
  const isParty = [payer, payee].some((agent) => agent && mayActFor(ctx.caller, agent))
  if (!isParty && !seesAll(ctx.caller))
    throw fail('not_found', `There is no transfer ${id} that you may see.`)
  return { transfer, payer, payee }
}

/** @throws 404 not_found */
export async function readTransfer(ctx: RegistryContext, id: string): Promise<Transfer> {
  return (await seeTransfer(ctx, id)).transfer
}
