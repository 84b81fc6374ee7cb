/** Arbitrary requests from the OpenAPI document: half of what it asks for, half of what it does not. */
import fc from 'fast-check'

export interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: { name: string; in: string; schema: Schema }[]
  readonly body: Schema | null
}
type Schema = Record<string, unknown>

/** The operations of a document, references resolved where they are used. */
export function operationsOf(document: Record<string, unknown>): Operation[] {
  const paths = document.paths as Record<string, Record<string, Schema>>
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: (operation.parameters as Operation['parameters'] | undefined) ?? [],
      body: readSchema(operation.requestBody),
    })),
  )
}

function readSchema(requestBody: unknown): Schema | null {
  const content = (requestBody as { content?: Record<string, { schema: Schema }> } | undefined)?.content
  return content?.['application/json']?.schema ?? null
}

const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    '',
    ' ',
    '0',
    '-1',
    '1e3',
    '\u0000',
    "'; drop table registry.agents; --",
    '../../etc/passwd',
    '%00',
    '🦊'.repeat(50),
    'a'.repeat(3000),
    1e308,
    -0,
    2 ** 53,
    null,
    true,
    [],
    {},
    [[[]]],
    { __proto__: null, constructor: 1 },
    '9007199254.740992',
    '0.0000001',
    'did:web:',
    'did:web:example.com',
    '00000000-0000-7000-8000-000000000000',
    '2026-13-45T99:99:99Z',
    'http://[::1',
    '\ud7ff',
    '\u202e',
  ),
)

/** A value of a schema, now and then another one; `known` are ids that exist. */
export function arbitraryOf(
  schema: Schema,
  document: Record<string, unknown>,
  known: readonly string[],
  depth = 0,
): fc.Arbitrary<unknown> {
  const reference = schema.$ref
  if (typeof reference === 'string') {
    const name = reference.split('/').at(-1) as string
    const schemas = (document.components as { schemas: Record<string, Schema> }).schemas
    return arbitraryOf(schemas[name] ?? {}, document, known, depth)
  }
  return fc.oneof(
    { weight: 5, arbitrary: fitting(schema, document, known, depth) },
    { weight: 1, arbitrary: junk },
  )
}

function fitting(
  schema: Schema,
  document: Record<string, unknown>,
  known: readonly string[],
  depth: number,
): fc.Arbitrary<unknown> {
  if (depth > 6) return junk
  const next = (inner: Schema) => arbitraryOf(inner, document, known, depth + 1)
  if ('const' in schema) return fc.constant(schema.const)
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum)
  const union = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (union) return fc.oneof(...union.map(next))
  switch (schema.type) {
    case 'object': {
      const properties = Object.entries((schema.properties as Record<string, Schema> | undefined) ?? {})
      const record = Object.fromEntries(properties.map(([name, inner]) => [name, next(inner)]))
      if (properties.length === 0) return fc.dictionary(fc.string({ maxLength: 20 }), junk, { maxKeys: 4 })
      return fc.record(record, { requiredKeys: (schema.required as string[] | undefined) ?? [] })
    }
    case 'array':
      return fc.array(next((schema.items as Schema | undefined) ?? {}), { maxLength: 4 })
    case 'boolean':
      return fc.boolean()
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: -10, max: 1000 }), fc.double())
    case 'null':
      return fc.constant(null)
    case 'string':
      return stringOf(schema, known)
    default:
      return junk
  }
}

function stringOf(schema: Schema, known: readonly string[]): fc.Arbitrary<string> {
  const max = typeof schema.maxLength === 'number' ? schema.maxLength + 1 : 40
  const plain = fc.string({ maxLength: Math.min(max, 300), unit: 'grapheme' })
  const found = known.length > 0 ? [fc.constantFrom(...known)] : []
  if (typeof schema.pattern !== 'string') return fc.oneof(plain, ...found)
  try {
    return fc.oneof(fc.stringMatching(new RegExp(schema.pattern), { size: 'small' }), plain, ...found)
  } catch {
    return fc.oneof(plain, ...found)
  }
}
