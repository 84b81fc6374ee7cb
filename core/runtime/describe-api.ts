/** Writes the OpenAPI 3.1 document of the mounted functions: what the code checks is what the document says. */
import { z } from 'zod'
import { commonErrors, type ErrorTable } from '#core/base/errors.ts'
import { type Mounted, pathOf } from './compose-app.ts'
import type { CallerKind, CallerRule, FunctionGroup, Row } from './define-function.ts'
import { headerParameters, headersOf, replyHeaders } from './describe-headers.ts'

type Json = Record<string, unknown>

export interface ApiInfo {
  readonly title: string
  readonly version: string
  readonly description: string
  readonly serverUrl: string
}

/** The document; schemas with a `meta({ id })` become components. */
export function describeApi(mounted: readonly Mounted<never>[], info: ApiInfo): Json {
  const schemas: Record<string, Json> = { Problem: problemSchema }
  const paths: Record<string, Json> = {}
  for (const { prefix, group } of mounted)
    for (const row of group.rows) {
      const path = pathOf(prefix, row.path).replace(/:([a-z_]+)(\{[^}]*\})?/g, '{$1}')
      paths[path] = { ...paths[path], [row.method]: describeRow(row, group, path, schemas) }
    }
  return {
    openapi: '3.1.0',
    info: {
      title: info.title,
      version: info.version,
      description: info.description,
      license: { name: 'AGPL-3.0-only', identifier: 'AGPL-3.0-only' },
    },
    servers: [{ url: info.serverUrl }],
    tags: [...new Set(mounted.map(({ group }) => group.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      headers: replyHeaders,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A developer session (JWT), a developer API key (nfk_), an agent key (nfa_) or agent OAuth token, an operator or auditor key (nfo_).',
        },
        client_certificate: {
          type: 'mutualTLS',
          description: 'An X.509-SVID of a known trust domain, shown on the federation port.',
        },
      },
    },
  }
}

const problemSchema: Json = {
  type: 'object',
  description: 'RFC 9457 problem document',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string', description: 'Stable; one union in the SDK' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: { pointer: { type: 'string' }, code: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
}
const oauthSchema: Json = {
  type: 'object',
  required: ['error'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
}

function describeRow(
  row: Row<never>,
  group: FunctionGroup<never>,
  path: string,
  schemas: Record<string, Json>,
): Json {
  const { spec } = row
  return {
    operationId: operationId(row.method, path),
    tags: [group.tag],
    summary: spec.summary,
    description: describeCallers(spec.callers, spec.scope),
    security: securityOf(spec.callers),
    parameters: [
      ...parametersOf(spec.params, 'path', path, schemas),
      ...parametersOf(spec.query, 'query', path, schemas),
      ...headerParameters(row),
    ],
    ...(spec.body ? { requestBody: requestBody(row, schemas) } : {}),
    responses: { ...successes(row, schemas), ...failures(row, schemas) },
  }
}

const operationId = (method: string, path: string) =>
  `${method}_${path
    .replace('/api/v1/', '')
    .replace(/[{}]/g, '')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')}`

/** Peers show a certificate on a port of its own. */
function securityOf(rule: CallerRule): Record<string, never[]>[] {
  if (rule === 'public') return [{}, { bearer: [] }]
  return [
    ...(rule.includes('peer') ? [{ client_certificate: [] }] : []),
    ...(rule.some((kind) => kind !== 'peer') ? [{ bearer: [] }] : []),
  ]
}

function describeCallers(rule: CallerRule, scope: string | undefined): string {
  if (rule === 'public') return 'Public.'
  const words: Record<CallerKind, string> = {
    developer: 'developers',
    agent: 'agents',
    operator: 'operators',
    auditor: 'auditors',
    service: 'services',
    peer: 'peers, by client certificate over the federation port',
  }
  return `For ${rule.map((kind) => words[kind]).join(', ')}.${scope ? ` Keys need the scope \`${scope}\`.` : ''}`
}

function requestBody(row: Row<never>, schemas: Record<string, Json>): Json {
  const schema = toSchema(row.spec.body as z.ZodType, 'input', schemas)
  const types = row.spec.form
    ? ['application/json', 'application/x-www-form-urlencoded']
    : ['application/json']
  return {
    required: !row.spec.bodyOptional,
    content: Object.fromEntries(types.map((type) => [type, { schema }])),
  }
}

function parametersOf(
  shape: z.ZodType | undefined,
  place: 'path' | 'query',
  path: string,
  schemas: Record<string, Json>,
): Json[] {
  if (!shape) {
    if (place === 'query') return []
    return [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }))
  }
  const object = toSchema(shape, 'input', schemas, true)
  const required = (object.required as string[] | undefined) ?? []
  return Object.entries((object.properties as Record<string, Json> | undefined) ?? {}).map(
    ([name, schema]) => ({
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(typeof schema.description === 'string' ? { description: schema.description } : {}),
      schema,
    }),
  )
}

function successes(row: Row<never>, schemas: Record<string, Json>): Json {
  const { spec } = row
  const main = spec.status ?? (spec.reply || spec.raw ? 200 : 204)
  const schema = spec.reply ? toSchema(spec.reply, 'output', schemas) : {}
  // What is no JSON is text to a client; beside a shape it is another form of the same reply.
  const text = spec.raw && !/json/.test(spec.raw) ? { type: 'string' } : {}
  const content = {
    ...(spec.raw ? { [spec.raw]: { schema: text } } : {}),
    ...(spec.reply || !spec.raw ? { 'application/json': { schema } } : {}),
  }
  const describe = (status: number) => {
    const head = headersOf(row, status)
    if (status === 304) return { description: 'Not modified', ...head }
    return status === 204 ? { description: 'Done', ...head } : { description: 'Success', ...head, content }
  }
  return Object.fromEntries(
    [main, ...(spec.alsoStatus ?? [])].map((status) => [String(status), describe(status)]),
  )
}

function failures(row: Row<never>, schemas: Record<string, Json>): Json {
  const byStatus = new Map<number, Set<string>>()
  for (const table of [commonErrors as ErrorTable, ...(row.spec.errors ?? [])])
    for (const [code, { status }] of Object.entries(table))
      byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code))
  const style = row.spec.errorStyle ?? 'problem'
  const content =
    style === 'problem'
      ? { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
      : {
          'application/json': {
            schema: style === 'oauth' ? oauthSchema : toSchema(style.shape, 'output', schemas),
          },
        }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, codes]) => [
        String(status),
        { description: [...codes].join(', '), ...headersOf(row, status), content },
      ]),
  )
}

/** JSON Schema of a shape; its named parts move to the components. */
function toSchema(
  shape: z.ZodType,
  io: 'input' | 'output',
  schemas: Record<string, Json>,
  inline = false,
): Json {
  const json = z.toJSONSchema(shape, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as Json
  const { $schema: _dialect, $defs, id, ...rest } = json
  const suffix = io === 'input' ? 'Input' : ''
  const rename = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(rename)
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(
      Object.entries(node)
        .filter(([key]) => key !== 'id' || typeof (node as Json).id !== 'string')
        .map(([key, value]) =>
          key === '$ref' && typeof value === 'string'
            ? [key, value.replace(/^#\/\$defs\/(.+)$/, `#/components/schemas/$1${suffix}`)]
            : [key, rename(value)],
        ),
    )
  }
  for (const [name, schema] of Object.entries(($defs as Record<string, Json> | undefined) ?? {}))
    addSchema(schemas, `${name}${suffix}`, rename(schema) as Json)
  const own = rename(rest) as Json
  if (typeof id !== 'string' || inline) return own
  addSchema(schemas, `${id}${suffix}`, own)
  return { $ref: `#/components/schemas/${id}${suffix}` }
}

function addSchema(schemas: Record<string, Json>, name: string, schema: Json): void {
  const before = schemas[name]
  if (before && JSON.stringify(before) !== JSON.stringify(schema))
    throw new Error(`two schemas are named ${name}`)
  schemas[name] = schema
}
