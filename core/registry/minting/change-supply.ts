/** Issues or destroys AVT on an operator's order, where the TEG has minting authority. */
import type { z } from 'zod'
import { formatAmount } from '#core/base/amount.ts'
import { principalOf } from '#core/base/caller.ts'
import { Problem } from '#core/base/errors.ts'
import { Reply } from '#core/base/reply.ts'
import type { BurnCommand, MintCommand, Outcome } from '#core/wire/teg.ts'
import { hashCommand, runBehind } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { fail, refusal } from '../transfers/errors.ts'
import { findAgents } from '../transfers/find-agents.ts'
import { deleteOrder, insertOrder } from './queries.ts'
import { recordOrder } from './record-order.ts'
import type { BurnIn, MintIn, SupplyChangeOut } from './schema.ts'

/** To an agent or the treasury. @throws as changeSupply */
export const mint = (ctx: RegistryContext, asked: MintIn): Promise<Reply<SupplyChangeOut>> =>
  changeSupply(ctx, asked.to_agent ?? null, asked, (agent, common) => ({
    op: 'mint',
    to_agent: agent,
    hash: hashCommand('mint', { to_agent: agent, amount: common.amount, memo: common.memo }),
    ...common,
  }))

/** Of an agent or the treasury. @throws as changeSupply */
export const burn = (ctx: RegistryContext, asked: BurnIn): Promise<Reply<SupplyChangeOut>> =>
  changeSupply(ctx, asked.from_agent ?? null, asked, (agent, common) => ({
    op: 'burn',
    from_agent: agent,
    hash: hashCommand('burn', { from_agent: agent, amount: common.amount, memo: common.memo }),
    ...common,
  }))

type Order = z.input<typeof MintCommand> | z.input<typeof BurnCommand>
type Common = { key: string; amount: string; memo: string | null }

/**
 * The keys of all operators are one space: who repeats a colleague's order gets its outcome.
 * @throws 409 minting_disabled before the gate, and by the gate where its own configuration says so; its other refusals
 */
async function changeSupply(
  ctx: RegistryContext,
  agent: string | null,
  asked: { amount: bigint; memo?: string | null | undefined },
  commandOf: (agent: string | null, common: Common) => Order,
): Promise<Reply<SupplyChangeOut>> {
  if (ctx.config.MINTING_AUTHORITY !== 'teg-layer')
    throw fail(
      'minting_disabled',
      'MINTING_AUTHORITY is disabled: AVT enters by genesis grants and from other registries only.',
    )
  const memo = asked.memo ?? null
  const command = commandOf(agent, {
    key: ctx.idempotencyKey ?? '',
    amount: formatAmount(asked.amount),
    memo,
  })
  const found = agent === null ? [] : (await findAgents(ctx, [agent])).values()
  const id = ctx.newId()
  const order = { op: command.op, key: command.key, hash: command.hash, memo }
  const actor = principalOf(ctx.caller) ?? 'anonymous'
  await insertOrder(ctx.db, { ...order, id, actor, request_id: ctx.requestId }, ctx.time)
  const outcome = await runOrder(ctx, id, found, command)
  const change = outcome?.supply_change
  if (!outcome || !change) throw new Error('the TEG did not say what it has issued or destroyed')
  await recordOrder(ctx, order, change)
  const { balance_after } = outcome
  const shown = balance_after === undefined ? change : { ...change, balance_after }
  return new Reply(shown, { replayed: outcome.replayed })
}

/**
 * The order is noted before it leaves, so that the act gets its record whatever happens to this process; the note of one that
 * was surely not carried out goes, here or by the sweep.
 */
async function runOrder(
  ctx: RegistryContext,
  id: string,
  agents: Parameters<typeof runBehind>[1],
  command: Order,
): Promise<Outcome | undefined> {
  try {
    const [outcome] = await runBehind(ctx, agents, [command])
    if (outcome?.error) throw refusal(outcome.error, outcome.replayed)
    return outcome
  } catch (error) {
    const isSure = error instanceof Problem && !['outcome_unknown', 'internal_error'].includes(error.code)
    if (isSure) await deleteOrder(ctx.db.unbound, id).catch(() => undefined)
    throw error
  }
}
