/** Pays a transfer back, in whole or in part: the payee of the original acts. */
import { formatAmount } from '#core/base/amount.ts'
import { Reply } from '#core/base/reply.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { runBehind, settled } from './command-transfer.ts'
import { fail } from './errors.ts'
import { seeTransfer } from './read-transfer.ts'
import { hashCommand, limitsOf, mayActFor } from './rules.ts'
import type { RefundIn } from './schema.ts'

/**
 * A transfer never changes, so reading it ahead of the key's probe gives a replay nothing new.
 * @returns a Transfer with refund_of; default and maximum are what is left of the original's net
 * @throws 404 not_found; 403 not_owner for those who see the transfer but are not its payee; 422 refund_exceeds
 */
export async function refundTransfer(
  ctx: RegistryContext,
  id: string,
  asked: RefundIn,
): Promise<Reply<Transfer>> {
  const { payer, payee, transfer } = await seeTransfer(ctx, id)
  if (!payee || !mayActFor(ctx.caller, payee))
    throw fail('not_owner', 'Only the payee of a transfer may refund it.')
  const amount = asked.amount == null ? null : formatAmount(asked.amount)
  const [outcome] = await runBehind(
    ctx,
    [payer, payee],
    [
      {
        op: 'refund',
        key: ctx.idempotencyKey ?? '',
        hash: hashCommand('refund', { transfer_id: id, amount }),
        agent: payee.id,
        transfer_id: id,
        amount,
        limits: limitsOf(ctx.caller),
      },
    ],
  )
  const refund = settled(ctx, outcome, transfer.from_agent)
  return new Reply(refund, {
    status: refund.status === 'pending' ? 202 : 201,
    replayed: outcome?.replayed === true,
  })
}
