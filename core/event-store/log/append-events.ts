/** Takes events of a source into the log: all of a request or none, each number once, in order. */
import { type FieldError, fail as failCommon } from '#core/base/errors.ts'
import { encodeCommitment, SALT_BYTES } from '#core/base/tlog/commitment.ts'
import { hashLeaf, sha256 } from '#core/base/tlog/merkle.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import type { AppendBatch, AppendReply } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { actorOf, coversSource, sourcesOf } from '../sources-of.ts'
import { fail } from './errors.ts'
import type { Submission, Verdict } from './plan-group.ts'
import { findSources, insertEquivocation } from './queries.ts'
import { readType } from './rules.ts'

/** Evidence kept against one source. */
const EQUIVOCATIONS_MAX = 1000

/**
 * @returns a receipt for each event, in the order of the request; a repeat gets the first receipt again
 * @throws 400 validation_failed; 403 source_not_allowed; 409 sequence_gap (`next_expected`), sequence_conflict (both
 *   hashes; the given one is kept as evidence); 503 log_unavailable
 */
export async function appendEvents(ctx: EventStoreContext, batch: AppendBatch): Promise<AppendReply> {
  const events = readEvents(ctx, batch)
  const { verdict, checkpoint } = await ctx.sequencer.append(events)
  if (verdict.kind === 'conflict') throw await refuseConflict(ctx, verdict)
  if (verdict.kind === 'gap')
    throw fail('sequence_gap', `${verdict.source} must go on with number ${verdict.expected}.`, {
      extra: { source: verdict.source, next_expected: String(verdict.expected) },
    })
  return {
    receipts: events.map(({ source, sequence, leaf }, i) => ({
      source,
      sequence: String(sequence),
      index: verdict.places[i]?.index ?? 0,
      leaf_hash: encodeBase64(leaf),
      duplicate: verdict.places[i]?.duplicate ?? false,
    })),
    checkpoint,
  }
}

function readEvents(ctx: EventStoreContext, { events }: AppendBatch): Submission[] {
  const allowed = sourcesOf(ctx.caller, ctx.config)
  const errors: FieldError[] = []
  const last = new Map<string, bigint>()
  const read = events.map((event, i): Submission => {
    const { source, sequence, id, payload } = event
    if (!coversSource(allowed, source))
      throw fail('source_not_allowed', `This caller may not speak for ${source}.`)
    if (sequence <= (last.get(source) ?? 0n))
      errors.push({
        pointer: `/events/${i}/sequence`,
        code: 'out_of_order',
        detail: 'must be larger than the number of the same source before it',
      })
    last.set(source, sequence)
    const found = readType(payload, event)
    if ('fault' in found)
      errors.push({ pointer: `/events/${i}/payload`, code: 'malformed', detail: found.fault })
    const salted = saltPayload(event.salt, payload)
    const entry = encodeCommitment({ source, sequence, id, payloadHash: sha256(salted) })
    const type = 'type' in found ? found.type : ''
    return { source, sequence, type, entry, leaf: hashLeaf(entry), salted }
  })
  if (errors.length > 0)
    throw failCommon('validation_failed', `${errors[0]?.pointer}: ${errors[0]?.detail}`, {
      errors: errors.slice(0, 100),
    })
  return read
}

/** The salt and behind it the document, in bytes. */
function saltPayload(salt: string, payload: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(SALT_BYTES + Buffer.byteLength(payload))
  bytes.write(salt, 'base64url')
  bytes.write(payload, SALT_BYTES)
  return bytes
}

/** Keeps the second story of a source beside the first. */
async function refuseConflict(
  ctx: EventStoreContext,
  { event, known }: Extract<Verdict, { kind: 'conflict' }>,
) {
  const { source, sequence, entry, leaf } = event
  const rows = await findSources(ctx.db, [source])
  const id = rows[0]?.id
  if (id !== null && id !== undefined)
    await insertEquivocation(
      ctx.db,
      { source: id, sequence, index: BigInt(known.index), entry, actor: actorOf(ctx.caller) },
      EQUIVOCATIONS_MAX,
      ctx.time,
    )
  ctx.log.warn({ code: 'sequence_conflict', index: String(known.index) }, 'a source told a number twice')
  return fail('sequence_conflict', `Number ${sequence} of ${source} stands in the log with other content.`, {
    extra: {
      source,
      sequence: String(sequence),
      index: known.index,
      kept_leaf_hash: encodeBase64(hashLeaf(known.entry)),
      given_leaf_hash: encodeBase64(leaf),
    },
  })
}
