/** Makes a change of an agent known: a new sequence, a new signature, the index and the event, in one transaction. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { indexCard } from '../discovery/index-card.ts'
import { type AgentEvent, emitAgent } from './events.ts'
import { type AgentRow, insertVersion, readTime, updateAgent } from './queries.ts'
import { isVisible, parseLocation } from './rules.ts'
import type { Envelope } from './schema.ts'
import { signEnvelope } from './sign-card.ts'
import { toEnvelope, toSignedPart } from './to-envelope.ts'

/** Fills in what the registry says of itself and signs. */
export async function signRow(
  ctx: Pick<RegistryContext, 'keys' | 'config'>,
  row: Omit<AgentRow, 'registry_signature'>,
): Promise<AgentRow> {
  const placed = {
    ...row,
    origin_registry: ctx.config.REGISTRY_NAME,
    origin_location: parseLocation(ctx.config.REGISTRY_LOCATION),
  }
  return { ...placed, registry_signature: await signEnvelope(ctx.keys, toSignedPart(placed)) }
}

/** Tells discovery and the world of a row that has just been written. */
export async function announce(
  tx: Transaction,
  ctx: RegistryContext,
  row: AgentRow,
  event: AgentEvent,
): Promise<Envelope> {
  const envelope = toEnvelope(row)
  await indexCard(tx, {
    did: row.did,
    agent: row.id,
    envelope: { ...envelope },
    visible: isVisible(row.status),
    time: row.updated_at,
  })
  await emitAgent(tx, ctx, event, envelope)
  return envelope
}

export interface Change {
  readonly fields: Partial<
    Omit<AgentRow, 'id' | 'did' | 'slug' | 'owner' | 'sequence' | 'registry_signature'>
  >
  readonly event: AgentEvent
  /** The TEG has agreed to this state, or has no say in it while it agreed to the last one. */
  readonly settled: boolean
  /** A lower sequence than this one would be ignored by the TEG. */
  readonly sequenceMin?: number
}

/** Writes a change of a locked row under its next sequence. */
export async function keepChange(
  tx: Transaction,
  ctx: RegistryContext,
  before: AgentRow,
  change: Change,
): Promise<Envelope> {
  // An intent under way has used its own number at the TEG.
  const least = Math.max(change.sequenceMin ?? 0, before.intent ? before.intent.sequence + 1 : 0)
  const next = before.sequence + 1n
  const sequence = next > BigInt(least) ? next : BigInt(least)
  const row = await signRow(ctx, {
    ...before,
    ...change.fields,
    sequence,
    updated_at: await readTime(tx, ctx.time),
    teg_sequence: change.settled ? sequence : before.teg_sequence,
  })
  await updateAgent(tx, row)
  if (change.event === 'agent.updated' && change.fields.card_text !== undefined) await insertVersion(tx, row)
  return announce(tx, ctx, row, change.event)
}
