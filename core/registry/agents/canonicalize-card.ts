/** The byte forms of a card that signatures cover (A2A 1.0 section 8.4; what the SDKs really sign). */
import canonicalize from 'canonicalize'
import { cardShape, type Field, type Kind, type Shape } from './card-shape.ts'
import { isObject } from './check-shape.ts'

type Json = Record<string, unknown>

/** RFC 8785 of JSON that has no non-finite number in it. */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new Error('not a JSON value')
  return text
}

function withoutSignatures(card: Json): Json {
  return Object.fromEntries(Object.entries(card).filter(([name]) => name !== 'signatures'))
}

/** A card as it is, minus `signatures`: what 0.3 signs. */
export const plainForm = (card: Json): string => canonicalText(withoutSignatures(card))

/**
 * The form of the specification: proto presence rules (REQUIRED and explicitly optional fields are kept, other default
 * values are dropped), unknown fields kept, then RFC 8785.
 */
export const specForm = (card: Json): string => canonicalText(present(cardShape, withoutSignatures(card)))

function present(shape: Shape, value: unknown): unknown {
  if (!isObject(value)) return value
  const kept: [string, unknown][] = []
  for (const [name, item] of Object.entries(value)) {
    const field = Object.hasOwn(shape.fields, name) ? (shape.fields[name] as Field) : undefined
    if (!field) kept.push([name, item])
    else if (item === null) continue
    else if (field.required || field.presence || !isDefault(field.kind, item))
      kept.push([name, presentKind(field.kind, item)])
  }
  return Object.fromEntries(kept)
}

function presentKind(kind: Kind, value: unknown): unknown {
  switch (kind.is) {
    case 'message':
      return present(kind.of, value)
    case 'list':
      return Array.isArray(value) ? value.map((item) => presentKind(kind.of, item)) : value
    case 'map':
      return isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, presentKind(kind.of, item)]))
        : value
    default:
      return value
  }
}

/** The proto3 default, which a field without explicit presence does not carry. Messages always carry presence. */
function isDefault(kind: Kind, value: unknown): boolean {
  if (kind.is === 'text') return value === ''
  if (kind.is === 'flag') return value === false
  if (kind.is === 'list') return Array.isArray(value) && value.length === 0
  return kind.is === 'map' && isObject(value) && Object.keys(value).length === 0
}

/** The form of the official SDKs: known fields only, everything empty stripped wherever it stands, then RFC 8785. */
export function sdkForm(card: Json): string {
  return canonicalText(strip(project(cardShape, withoutSignatures(card))) ?? {})
}

/**
 * The form that the JavaScript client computes for a card with security schemes which its resolver has already parsed
 * (@a2a-js/sdk 1.3.0): it parses the parsed card once more and thereby loses `securitySchemes`.
 */
export function resolvedSdkForm(card: Json): string {
  const { securitySchemes: _lost, security_schemes: _alias, ...rest } = card
  return sdkForm(rest)
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const isSet = (value: unknown) => value !== undefined && value !== null

/** ProtoJSON readers take a field under its camelCase or its original name. */
function lookUp(value: Json, name: string, kind: Kind): unknown {
  const own = (key: string) => (Object.hasOwn(value, key) ? value[key] : undefined)
  const fits = (item: unknown) =>
    kind.is === 'list'
      ? Array.isArray(item)
      : kind.is === 'map' || kind.is === 'struct'
        ? typeof item === 'object' && item !== null
        : isSet(item)
  const camel = own(name)
  return fits(camel) ? camel : fits(own(snake(name))) ? own(snake(name)) : undefined
}

function project(shape: Shape, value: unknown): Json {
  if (typeof value !== 'object' || value === null) return {}
  const kept: [string, unknown][] = []
  for (const [name, field] of Object.entries(shape.fields)) {
    const item = lookUp(value as Json, name, field.kind)
    if (!isSet(item)) continue
    const known = projectKind(field.kind, item)
    if (field.kind.is === 'flag' && known === false && !field.presence) continue
    kept.push([name, known])
    if (shape.oneOf) break
  }
  return Object.fromEntries(kept)
}

function projectKind(kind: Kind, value: unknown): unknown {
  switch (kind.is) {
    case 'text':
      return toText(value)
    case 'flag':
      return Boolean(value)
    case 'struct':
      return value
    case 'message':
      return project(kind.of, value)
    case 'list':
      return (value as unknown[]).map((item) => projectKind(kind.of, item))
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Json).map(([key, item]) => [key, projectKind(kind.of, item)]),
      )
  }
}

/** What JavaScript makes of it. An object with a field named toString has no text there, and must not fail ours. */
function toText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '[object Object]'
  }
}

/** Drops "", null, [] and {} at every depth; undefined when nothing is left. */
function strip(value: unknown): unknown {
  if (value === '' || value === null || value === undefined) return undefined
  if (Array.isArray(value)) {
    const kept = value.map(strip).filter((item) => item !== undefined)
    return kept.length > 0 ? kept : undefined
  }
  if (typeof value !== 'object') return value
  const kept = Object.entries(value as Json)
    .map(([key, item]) => [key, strip(item)] as const)
    .filter(([, item]) => item !== undefined)
  return kept.length > 0 ? Object.fromEntries(kept) : undefined
}
