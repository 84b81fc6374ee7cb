/** Signs what the registry serves: the hosted card (A2A signatures) and the envelope. */
import { createHash } from 'node:crypto'
import type { KeyRing } from '../keys/key-ring.ts'
import { canonicalText, resolvedSdkForm, sdkForm, specForm } from './canonicalize-card.ts'
import type { Card } from './validate-card.ts'

/** The served bytes of a card and what identifies them. */
export interface HostedCard {
  readonly text: string
  /** Without quotes. */
  readonly etag: string
  readonly digest: string
}

/**
 * The card as hosted: exactly as published, the registry's signatures appended. One signature for each form that
 * verifiers compute where the forms differ: the specification's, the SDKs', and the one that the stock JavaScript client
 * is left with after its resolver has parsed a card with security schemes (it does not cover these schemes).
 */
export async function signCard(keys: KeyRing, card: Card, jku: string): Promise<HostedCard> {
  const forms = [...new Set([specForm(card), sdkForm(card), resolvedSdkForm(card)])]
  const own = Array.isArray(card.signatures) ? card.signatures : []
  const ours = await Promise.all(forms.map((form) => signForm(keys, form, jku)))
  const text = JSON.stringify({ ...card, signatures: [...own, ...ours] })
  return {
    text,
    etag: createHash('sha256').update(text).digest('base64url').slice(0, 32),
    digest: digestOf(card),
  }
}

/** `sha-256:` and the hash of the card's RFC 8785 form. */
export const digestOf = (card: Card): string =>
  `sha-256:${createHash('sha256').update(canonicalText(card)).digest('hex')}`

async function signForm(keys: KeyRing, form: string, jku: string) {
  // The SDKs' verifiers demand typ beside kid and alg.
  const jws = await keys.sign('registry', Buffer.from(form), { typ: 'JOSE', jku })
  const [head, , signature] = jws.split('.')
  return { protected: head as string, signature: signature as string }
}

/** The registry's signature of an envelope: a compact JWS over RFC 8785 of what is passed. */
export const signEnvelope = (keys: KeyRing, signedPart: Record<string, unknown>): Promise<string> =>
  keys.sign('registry', Buffer.from(canonicalText(signedPart)), { typ: 'envelope+jws' })
