/** Finds a payment token for those who may see it: its parties, their owners, operators and auditors. */
import type { Payment } from '#core/wire/teg.ts'
import { mayActFor, seesAll } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { type FoundAgent, findAgents } from '../transfers/find-agents.ts'
import { fail } from './errors.ts'

export interface SeenPayment {
  readonly payment: Payment
  readonly payer: FoundAgent | undefined
  readonly payee: FoundAgent | undefined
}

/** @throws 404 not_found for an unknown one, and to everybody else */
export async function seePayment(ctx: RegistryContext, id: string): Promise<SeenPayment> {
  const payment = await ctx.teg.payment(ctx, id)
  const agents = payment ? await findAgents(ctx, [payment.payer_agent, payment.payee_agent]) : null
  const payer = payment ? agents?.get(payment.payer_agent) : undefined
  const payee = payment ? agents?.get(payment.payee_agent) : undefined
  const isParty = [payer, payee].some((agent) => agent && mayActFor(ctx.caller, agent))
  if (!payment || (!isParty && !seesAll(ctx.caller)))
    throw fail('not_found', `There is no payment token ${id} that you may see.`)
  return { payment, payer, payee }
}
