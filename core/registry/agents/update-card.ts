/** Puts a new card on an agent: the next version, under the entity tag that the publisher has read. */
import { fail as commonFail } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { requireAgent, requireLocked, requireOwner } from './find-agent.ts'
import { takeCard } from './judge-card.ts'
import { keepChange } from './keep-change.ts'
import type { AgentRow } from './queries.ts'
import { fitsIfMatch } from './rules.ts'
import type { Envelope } from './schema.ts'

/**
 * @throws 403 not_owner, 404 agent_not_found, 409 agent_not_active (retired), 412 precondition_failed,
 * 428 precondition_required, 400 validation_failed, 413 payload_too_large
 */
export async function updateCard(
  ctx: RegistryContext,
  ref: string,
  given: unknown,
  ifMatch: string | undefined,
): Promise<Envelope> {
  const seen = await requireAgent(ctx.db, ref)
  requireOwner(ctx.caller, seen)
  requireIfMatch(ifMatch)
  const { name: _name, ...facts } = await takeCard(ctx, given, seen.owner)
  const envelope = await ctx.once(async (tx) => {
    const row = await requireLocked(tx, ref)
    // Not before: a repeat under the same Idempotency-Key gets its first answer although the card has moved on.
    judge(ctx, row, ifMatch)
    return keepChange(tx, ctx, row, {
      fields: facts,
      event: 'agent.updated',
      settled: row.teg_sequence >= row.sequence && row.intent === null,
    })
  })
  ctx.wake('relay')
  return envelope
}

function judge(ctx: RegistryContext, row: AgentRow, ifMatch: string | undefined): void {
  requireOwner(ctx.caller, row)
  if (row.status === 'retired')
    throw fail('agent_not_active', 'The agent is retired; its card stays as it is.')
  requireMatch(ifMatch, row)
}

/** @throws 428 precondition_required, 412 precondition_failed */
export function requireMatch(ifMatch: string | undefined, row: Pick<AgentRow, 'card_etag'>): void {
  requireIfMatch(ifMatch)
  if (!fitsIfMatch(ifMatch, row.card_etag))
    throw commonFail(
      'precondition_failed',
      `If-Match does not name the card as it is now: its card_etag is "${row.card_etag}". Read it again, then send that.`,
    )
}

function requireIfMatch(ifMatch: string | undefined): asserts ifMatch is string {
  if (ifMatch === undefined || ifMatch.trim() === '')
    throw commonFail('precondition_required', 'Send If-Match with the card_etag that you have read, or *.')
}
