/** Words for faults that a shape has none of its own for: they say what the field must be, not how the checker thinks. */
import type { z } from 'zod'

type Fault = Parameters<z.core.$ZodErrorMap>[0]

const kinds: Readonly<Record<string, string>> = {
  string: 'a string (text in quotes)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list ([...])',
  object: 'an object ({...})',
  record: 'an object ({...})',
  null: 'null',
}
const named: Readonly<Record<string, string>> = {
  datetime: 'a time with its zone, such as 2026-01-31T12:00:00Z',
  email: 'an e-mail address',
  url: 'a URL',
}

/** The words of a fault; undefined leaves it to the checker's own. */
export function wordFault(fault: Fault): string | undefined {
  switch (fault.code) {
    case 'invalid_type': {
      const wanted = kinds[fault.expected] ?? `of the type ${fault.expected}`
      return Array.isArray(fault.input) && fault.expected === 'string'
        ? 'must be given once'
        : `must be ${wanted}, not ${kindOf(fault.input)}`
    }
    case 'too_small':
      return `must ${atLeast(fault.origin, fault.minimum, fault.inclusive !== false)}`
    case 'too_big':
      return `must ${atMost(fault.origin, fault.maximum, fault.inclusive !== false)}`
    case 'invalid_value':
      return `must be ${fault.values.length > 1 ? 'one of ' : ''}${fault.values.map(String).join(', ')}`
    case 'invalid_format':
      return named[fault.format] ? `must be ${named[fault.format]}` : undefined
    default:
      return undefined
  }
}

const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`

const counted: Readonly<Record<string, string>> = { string: 'character', array: 'item' }
const countOf = (origin: string, bound: number | bigint) =>
  `${bound} ${counted[origin]}${Number(bound) === 1 ? '' : 's'}`

function atLeast(origin: string, bound: number | bigint, inclusive: boolean): string {
  if (!Object.hasOwn(counted, origin)) return `be ${inclusive ? 'at least' : 'above'} ${bound}`
  return Number(bound) === 1 ? 'not be empty' : `have at least ${countOf(origin, bound)}`
}

const atMost = (origin: string, bound: number | bigint, inclusive: boolean): string =>
  Object.hasOwn(counted, origin)
    ? `have at most ${countOf(origin, bound)}`
    : `be ${inclusive ? 'at most' : 'below'} ${bound}`
