/** Judges a card: valid A2A 1.0, else valid 0.3 and converted, else refused with the faults under the version it looks like. */
import type { FieldError } from '#core/base/errors.ts'
import { adviseCard } from './advise-card.ts'
import { CARD_BYTES_MAX, cardShape } from './card-shape.ts'
import { checkShape, escapePointer, isObject } from './check-shape.ts'
import { convertCard } from './convert-card.ts'
import { type LegacySchemeType, legacyCardShape, legacySchemes } from './legacy-card-shape.ts'

export type Card = Record<string, unknown>
export type CardVersion = '1.0' | '0.3'

/** `card` is the 1.0 card to keep, `original` the 0.3 card it was made of; both null when refused. */
export interface CardVerdict {
  readonly readAs: CardVersion
  readonly card: Card | null
  readonly original: Card | null
  readonly tooLarge: boolean
  readonly errors: readonly FieldError[]
  readonly warnings: readonly FieldError[]
}

const ROOT = '/card'

/** Judges whatever JSON came as `card`. Pure; no URL in it is resolved. */
export function validateCard(given: unknown): CardVerdict {
  if (!isObject(given)) {
    const fault =
      given === undefined
        ? { pointer: ROOT, code: 'required', detail: 'is required' }
        : { pointer: ROOT, code: 'invalid_type', detail: 'must be an agent card (a JSON object)' }
    return refuse('1.0', [fault])
  }
  const general = checkNumbers(given)
  const size = Buffer.byteLength(JSON.stringify(given))
  const tooLarge = size > CARD_BYTES_MAX
  if (tooLarge)
    general.unshift({
      pointer: ROOT,
      code: 'too_large',
      detail: `must have at most ${CARD_BYTES_MAX} bytes (64 KiB), has ${size}`,
    })
  const current = checkShape(cardShape, given, ROOT)
  if (current.length + general.length === 0)
    return {
      readAs: '1.0',
      card: given,
      original: null,
      tooLarge,
      errors: [],
      warnings: adviseCard(given, '1.0'),
    }
  const legacy = checkLegacy(given)
  if (legacy.length + general.length === 0) return convert(given)
  const readAs = current.length === 0 ? '1.0' : legacy.length === 0 ? '0.3' : looksLike(given)
  return { ...refuse(readAs, [...general, ...(readAs === '1.0' ? current : legacy)]), tooLarge }
}

function refuse(readAs: CardVersion, errors: FieldError[]): CardVerdict {
  return { readAs, card: null, original: null, tooLarge: false, errors, warnings: [] }
}

function convert(original: Card): CardVerdict {
  const { card, warnings } = convertCard(original)
  const size = Buffer.byteLength(JSON.stringify(card))
  if (size > CARD_BYTES_MAX) {
    const detail = `has ${size} bytes as A2A 1.0, more than ${CARD_BYTES_MAX} (64 KiB)`
    return { ...refuse('0.3', [{ pointer: ROOT, code: 'too_large', detail }]), tooLarge: true }
  }
  return {
    readAs: '0.3',
    card,
    original,
    tooLarge: false,
    errors: [],
    warnings: [...warnings, ...adviseCard(original, '0.3')],
  }
}

/** The 0.3 check: the table, then each security scheme by its type. */
function checkLegacy(card: Card): FieldError[] {
  const faults = checkShape(legacyCardShape, card, ROOT)
  if (!isObject(card.securitySchemes)) return faults
  for (const [name, scheme] of Object.entries(card.securitySchemes)) {
    if (!isObject(scheme) || typeof scheme.type !== 'string' || !Object.hasOwn(legacySchemes, scheme.type))
      continue
    const at = `${ROOT}/securitySchemes/${escapePointer(name)}`
    faults.push(...checkShape(legacySchemes[scheme.type as LegacySchemeType], scheme, at))
    if (scheme.type === 'oauth2' && isObject(scheme.flows)) {
      const known = ['authorizationCode', 'clientCredentials', 'implicit', 'password']
      const { flows } = scheme
      if (!known.some((flow) => Object.hasOwn(flows, flow)))
        faults.push({
          pointer: `${at}/flows`,
          code: 'one_of',
          detail: `must have at least one of ${known.join(', ')}`,
        })
    }
  }
  return faults
}

/** Which version's faults help the publisher most. */
function looksLike(card: Card): CardVersion {
  const declared = typeof card.protocolVersion === 'string' ? card.protocolVersion.trim() : ''
  if (/^0\./.test(declared)) return '0.3'
  if (/^[1-9]/.test(declared)) return '1.0'
  if (Object.hasOwn(card, 'supportedInterfaces')) return '1.0'
  const legacyOnly = [
    'url',
    'preferredTransport',
    'additionalInterfaces',
    'supportsAuthenticatedExtendedCard',
    'security',
  ]
  return legacyOnly.some((name) => Object.hasOwn(card, name)) ? '0.3' : '1.0'
}

/** RFC 8785 has no word for a number beyond the double range, so such a card could not be signed. */
function checkNumbers(card: Card): FieldError[] {
  const faults: FieldError[] = []
  const walk = (value: unknown, at: string): void => {
    if (typeof value === 'number' && !Number.isFinite(value))
      faults.push({
        pointer: at,
        code: 'number_out_of_range',
        detail: 'is beyond what JSON numbers can hold',
      })
    if (typeof value !== 'object' || value === null || faults.length > 0) return
    for (const [key, item] of Object.entries(value)) walk(item, `${at}/${escapePointer(key)}`)
  }
  walk(card, ROOT)
  return faults
}
