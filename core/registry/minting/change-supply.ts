/** Issues or destroys AVT on an operator's order, where the TEG has minting authority. */
import { formatAmount } from '#core/base/amount.ts'
import { Reply } from '#core/base/reply.ts'
import type { Command } from '#core/wire/teg.ts'
import { hashCommand, runBehind } from '../act-for-agents.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { fail, refusal } from '../transfers/errors.ts'
import { findAgents } from '../transfers/find-agents.ts'
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

type Common = { key: string; amount: string; memo: string | null }

/**
 * The keys of all operators are one space: who repeats a colleague's order gets its outcome.
 * @throws 409 minting_disabled before the gate, and by the gate where its own configuration says so; its other refusals
 */
async function changeSupply(
  ctx: RegistryContext,
  agent: string | null,
  asked: { amount: bigint; memo?: string | null | undefined },
  commandOf: (agent: string | null, common: Common) => Command,
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
  const [outcome] = await runBehind(ctx, found, [command])
  if (outcome?.error) throw refusal(outcome.error, outcome.replayed)
  const change = outcome?.supply_change
  if (!outcome || !change) throw new Error('the TEG did not say what it has issued or destroyed')
  await recordOnce(ctx, command.op, change, memo)
  const { balance_after } = outcome
  const shown = balance_after === undefined ? change : { ...change, balance_after }
  return new Reply(shown, { replayed: outcome.replayed })
}

/** The act has happened at the TEG: its record has the transfer's id, so that a repeat after a crash fills a gap and no more. */
async function recordOnce(
  ctx: RegistryContext,
  op: string,
  { transfer_id, ...change }: SupplyChangeOut,
  memo: string | null,
): Promise<void> {
  await ctx.db.transaction((tx) =>
    recordAct(tx, ctx, {
      id: transfer_id,
      act: `supply.${op}`,
      object: `transfers/${transfer_id}`,
      before: null,
      after: { ...change, memo },
    }),
  )
}
