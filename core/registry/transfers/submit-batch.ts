/** Sends up to a thousand transfers through the gate as one batch; each is accepted or refused by itself. */
import { Problem } from '#core/base/errors.ts'
import { Reply } from '#core/base/reply.ts'
import type { Command, Outcome } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { commandTransfer, publicRefusal, runBehind } from './command-transfer.ts'
import { findAgents } from './find-agents.ts'
import type { BatchIn, BatchItemOut, BatchOut } from './schema.ts'
import { payerOf } from './submit-transfer.ts'

/**
 * Item i has the key `<Idempotency-Key>:<i>` unless it carries its own. An item that the caller may not send is refused
 * before the gate with its own code; its key stays free.
 * @returns the items in order; a replay when every item that reached the gate was one
 */
export async function submitBatch(ctx: RegistryContext, asked: BatchIn): Promise<Reply<BatchOut>> {
  const { transfers } = asked
  const agents = await findAgents(
    ctx,
    transfers.flatMap((item) => [item.from_agent, item.to_agent]),
  )
  const items: BatchItemOut[] = []
  const sent: { index: number; command: Command }[] = []
  for (const [index, item] of transfers.entries()) {
    const key = item.idempotency_key ?? `${ctx.idempotencyKey}:${index}`
    try {
      const from = payerOf(ctx, item.from_agent, agents.get(item.from_agent))
      sent.push({ index, command: await commandTransfer(ctx, key, from, item) })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      items[index] = refusedItem(index, error)
    }
  }
  const named = sent.flatMap(({ index }) => {
    const item = transfers[index]
    return item ? [agents.get(item.from_agent), agents.get(item.to_agent)] : []
  })
  const commands = sent.map(({ command }) => command)
  const outcomes = commands.length === 0 ? [] : await runBehind(ctx, named, commands)
  for (const [position, { index }] of sent.entries())
    items[index] = itemOf(ctx, index, outcomes[position], transfers[index]?.to_agent ?? '')
  const replayed = outcomes.length > 0 && outcomes.every((outcome) => outcome.replayed)
  return new Reply({ items }, { replayed })
}

const refusedItem = (index: number, error: { code: string; detail: string }): BatchItemOut => ({
  index,
  status: 'refused',
  error: { code: error.code, detail: error.detail },
})

function itemOf(
  ctx: RegistryContext,
  index: number,
  outcome: Outcome | undefined,
  toAgent: string,
): BatchItemOut {
  if (outcome?.ok && outcome.transfer) {
    const { transfer } = outcome
    return { index, status: transfer.status === 'pending' ? 'pending' : 'completed', transfer }
  }
  if (!outcome?.error) throw new Error(`the TEG gave no outcome for item ${index}`)
  return refusedItem(index, publicRefusal(ctx, outcome.error, toAgent))
}
