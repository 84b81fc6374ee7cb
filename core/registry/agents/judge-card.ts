/** Takes a card in: judged, its signatures verified, signed for hosting; or tells all its faults. */

import type { z } from 'zod'
import { fail as commonFail } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'
import { CARD_BYTES_MAX } from './card-shape.ts'
import { type CardFacts, listSigningKeys } from './queries.ts'
import type { CardReport } from './schema.ts'
import { signCard } from './sign-card.ts'
import { type CardVerdict, validateCard } from './validate-card.ts'
import { verifyCard } from './verify-card.ts'

/** Most faults that an answer lists. */
const LISTED_MAX = 100

/** The report of POST /agents/validate: nothing is kept and nothing is called. */
export function reportCard(given: unknown): z.infer<typeof CardReport> {
  const verdict = validateCard(given)
  return {
    valid: verdict.card !== null,
    errors: verdict.errors.slice(0, LISTED_MAX),
    warnings: [...verdict.warnings],
    read_as: verdict.readAs,
    converted: verdict.original ? verdict.card : null,
  }
}

/** Everything about a card that the row of its agent keeps. */
export type TakenCard = CardFacts & { readonly hosted_card: string; readonly name: string }

/**
 * @throws 400 validation_failed with every fault, 413 payload_too_large
 */
export async function takeCard(ctx: RegistryContext, given: unknown, owner: string): Promise<TakenCard> {
  const verdict = validateCard(given)
  if (!verdict.card) throw refusal(verdict)
  const { card, original } = verdict
  const jku = `${ctx.config.PUBLIC_URL.replace(/\/$/, '')}/.well-known/jwks.json`
  const hosted = await signCard(ctx.keys, card, jku)
  const signature = await verifyCard(card, original, await listSigningKeys(ctx.db, owner))
  return {
    card_text: JSON.stringify(card),
    card_original: original && JSON.stringify(original),
    card_etag: hosted.etag,
    card_digest: hosted.digest,
    card_version: card.version as string,
    signature_status: signature.status,
    signature_form: signature.form,
    signature_kid: signature.kid,
    hosted_card: hosted.text,
    name: card.name as string,
  }
}

function refusal(verdict: CardVerdict) {
  const errors = verdict.errors.slice(0, LISTED_MAX)
  if (verdict.tooLarge)
    return commonFail('payload_too_large', `A card may have at most ${CARD_BYTES_MAX} bytes (64 KiB).`, {
      errors,
      extra: { limit_bytes: CARD_BYTES_MAX },
    })
  const [first] = errors
  const more = verdict.errors.length > 1 ? ` (and ${verdict.errors.length - 1} more)` : ''
  return commonFail(
    'validation_failed',
    `${first?.pointer}: ${first?.detail}${more}. The card was read as A2A ${verdict.readAs}.`,
    { errors, extra: { read_as: verdict.readAs } },
  )
}
