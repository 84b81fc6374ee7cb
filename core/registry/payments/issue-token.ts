/** Issues a payment token: the gate holds the amount, the registry signs what the gate has kept. */
import { formatAmount } from '#core/base/amount.ts'
import { Reply } from '#core/base/reply.ts'
import { hashCommand, limitsOf, payerOf, publicRefusal, runBehind } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from '../transfers/errors.ts'
import { findAgents } from '../transfers/find-agents.ts'
import { fail } from './errors.ts'
import { balanceAfter, isLife } from './rules.ts'
import { EXPIRES_IN_MAX, type IssuedOut, type IssueIn } from './schema.ts'
import { signToken } from './sign-token.ts'

/**
 * @returns the Payment token with its text; a repeat with the same key signs the same text again
 * @throws 404 agent_not_found, 403 not_owner, 422 out_of_bounds for its life (before the gate: the key stays free);
 *   the gate's refusals (they use it up)
 */
export async function issueToken(ctx: RegistryContext, asked: IssueIn): Promise<Reply<IssuedOut>> {
  if (!isLife(asked.expires_in))
    throw fail('out_of_bounds', `expires_in must be between 1 and ${EXPIRES_IN_MAX} seconds.`, {
      errors: [
        {
          pointer: '/expires_in',
          code: 'out_of_bounds',
          detail: `must be between 1 and ${EXPIRES_IN_MAX}`,
        },
      ],
    })
  const agents = await findAgents(ctx, [asked.payer_agent, asked.payee_agent])
  const payer = payerOf(ctx, asked.payer_agent, agents.get(asked.payer_agent))
  const amount = formatAmount(asked.amount)
  const task_ref = asked.task_ref ?? null
  const { payer_agent, payee_agent, expires_in } = asked
  const [outcome] = await runBehind(
    ctx,
    [payer, agents.get(payee_agent)],
    [
      {
        op: 'issue_token',
        key: ctx.idempotencyKey ?? '',
        hash: hashCommand('issue_token', {
          payer_agent,
          payee_agent,
          amount,
          expires_in: String(expires_in),
          task_ref,
        }),
        payer_agent: payer.id,
        payee_agent,
        amount,
        expires_in,
        task_ref,
        limits: limitsOf(ctx.caller),
      },
    ],
  )
  if (outcome?.error) throw refusal(publicRefusal(ctx, outcome.error, payee_agent), outcome.replayed)
  if (!outcome?.payment) throw new Error('the TEG gave no token')
  const token = await signToken(ctx, outcome.payment)
  return new Reply(
    { ...outcome.payment, token, ...balanceAfter(outcome) },
    { status: 201, replayed: outcome.replayed },
  )
}
