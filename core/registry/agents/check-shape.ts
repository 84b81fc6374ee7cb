/** Checks a JSON value against a card table: every fault at once, each with its pointer and words that a person understands. */
import type { FieldError } from '#core/base/errors.ts'
import type { Field, Kind, Shape, UrlRule } from './card-shape.ts'
import { hasSafeScheme, isEndpoint } from './card-urls.ts'

/** More faults than this help nobody; the rest is left out. */
export const FAULTS_MAX = 200

export const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The faults of `value` under `pointer`. Unknown fields are no faults. Never throws on what JSON can say. */
export function checkShape(shape: Shape, value: unknown, pointer: string): FieldError[] {
  const faults: FieldError[] = []
  checkMessage(shape, value, pointer, faults)
  return faults
}

function add(faults: FieldError[], pointer: string, code: string, detail: string): void {
  if (faults.length < FAULTS_MAX) faults.push({ pointer, code, detail })
}

function checkMessage(shape: Shape, value: unknown, at: string, faults: FieldError[]): void {
  if (!isObject(value)) {
    add(faults, at, 'invalid_type', `must be an object, not ${nameOf(value)}`)
    return
  }
  const names = Object.keys(shape.fields)
  if (shape.oneOf) checkOneOf(names, value, at, faults)
  for (const name of names) {
    const field = shape.fields[name] as Field
    const item = Object.hasOwn(value, name) ? value[name] : undefined
    const pointer = `${at}/${name}`
    if (item === undefined || (item === null && shape.nullIsAbsent)) {
      if (field.required) add(faults, pointer, 'required', 'is required')
    } else checkKind(field.kind, item, pointer, field.required, faults)
  }
}

function checkOneOf(
  names: readonly string[],
  value: Record<string, unknown>,
  at: string,
  faults: FieldError[],
) {
  const given = names.filter((name) => Object.hasOwn(value, name) && value[name] !== null)
  if (given.length === 1) return
  const found = given.length === 0 ? 'none of them is there' : `here are ${given.join(' and ')}`
  add(faults, at, 'one_of', `must have exactly one of ${names.join(', ')}; ${found}`)
}

function checkKind(kind: Kind, value: unknown, at: string, filled: boolean, faults: FieldError[]): void {
  switch (kind.is) {
    case 'text':
      checkText(kind, value, at, filled, faults)
      return
    case 'flag':
      if (typeof value !== 'boolean')
        add(faults, at, 'invalid_type', `must be true or false, not ${nameOf(value)}`)
      return
    case 'struct':
      if (!isObject(value)) add(faults, at, 'invalid_type', `must be an object, not ${nameOf(value)}`)
      return
    case 'message':
      checkMessage(kind.of, value, at, faults)
      return
    case 'list':
      checkList(kind, value, at, filled, faults)
      return
    case 'map':
      checkMap(kind, value, at, faults)
      return
  }
}

function checkText(
  kind: Extract<Kind, { is: 'text' }>,
  value: unknown,
  at: string,
  filled: boolean,
  faults: FieldError[],
) {
  if (typeof value !== 'string') add(faults, at, 'invalid_type', `must be text, not ${nameOf(value)}`)
  else if (value.trim() === '') {
    if (filled) add(faults, at, 'empty', 'must not be empty')
  } else if (value.length > kind.max)
    add(faults, at, 'too_long', `must have at most ${kind.max} characters, has ${value.length}`)
  else if (kind.values && !kind.values.includes(value))
    add(faults, at, 'invalid_value', `must be one of ${kind.values.join(', ')}`)
  else if (kind.url) checkUrl(kind.url, value, at, faults)
}

function checkUrl(rule: UrlRule, value: string, at: string, faults: FieldError[]): void {
  if (rule === 'endpoint') {
    if (!isEndpoint(value))
      add(
        faults,
        at,
        'not_absolute',
        'must be an absolute URL, such as https://agent.example.com/a2a (or host:port for gRPC)',
      )
  } else if (!hasSafeScheme(value))
    add(faults, at, 'unsafe_url', 'must be an https or http URL; this scheme could run or read something')
}

function checkList(
  kind: Extract<Kind, { is: 'list' }>,
  value: unknown,
  at: string,
  filled: boolean,
  faults: FieldError[],
) {
  if (!Array.isArray(value)) return add(faults, at, 'invalid_type', `must be a list, not ${nameOf(value)}`)
  if (filled && value.length === 0) add(faults, at, 'empty', 'must have at least one item')
  if (value.length > kind.max)
    return add(faults, at, 'too_many', `must have at most ${kind.max} items, has ${value.length}`)
  for (const [index, item] of value.entries()) checkKind(kind.of, item, `${at}/${index}`, true, faults)
}

function checkMap(kind: Extract<Kind, { is: 'map' }>, value: unknown, at: string, faults: FieldError[]) {
  if (!isObject(value)) return add(faults, at, 'invalid_type', `must be an object, not ${nameOf(value)}`)
  const entries = Object.entries(value)
  if (entries.length > kind.max)
    return add(faults, at, 'too_many', `must have at most ${kind.max} entries, has ${entries.length}`)
  for (const [key, item] of entries) checkKind(kind.of, item, `${at}/${escapePointer(key)}`, false, faults)
}

function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return 'text'
  return typeof value === 'boolean' ? 'true or false' : 'a number'
}
