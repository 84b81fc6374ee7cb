/** Nothing becomes a 500: every route under requests made from its own description and from junk. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openLog } from '#core/platform/log.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { loadDoors } from '#core/runtime/compose-app.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { registryDoors } from '#functions/index.ts'
import { arbitraryOf, type Operation, operationsOf } from '#test/support/arbitrary.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'
import { makeTenant } from '#test/support/tenant.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 12)
const lines: string[] = []
const system = await startSystem({}, openLog({ level: 'error', write: (line) => lines.push(line) }))
const payee = await makeTenant(system)
const tenant = await makeTenant(system, payee.agent)
const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
const info = { title: '', version: '', description: '', serverUrl: system.config.PUBLIC_URL }
const document = describeApi(mounted as never, info)
/** What would take the tenant's own means away in the middle, or never ends. */
const spared = /\/auth\/logout$|\/auth\/me$|\/auth\/sessions|\/auth\/password|\/events\/stream$/
const operations = operationsOf(document).filter(
  (o) => !(spared.test(o.path) && o.method !== 'GET') && !/stream$/.test(o.path),
)
const known = [
  tenant.agent,
  payee.agent,
  tenant.account,
  ...[...tenant.owned.values()].flatMap((ids) => Object.values(ids)),
]

const junkHeader = fc.constantFrom('*', '"x"', 'W/"x"', '', '"'.repeat(300), 'x'.repeat(200))
const tokens = fc.constantFrom(
  tenant.token,
  OPERATOR_KEY,
  undefined,
  'nfk_x',
  'a.b.c',
  'nfa_'.padEnd(60, 'x'),
)

function requestOf(operation: Operation) {
  const values = operation.parameters
    .filter((parameter) => parameter.in !== 'header')
    .map((parameter) =>
      fc.tuple(fc.constant(parameter), arbitraryOf(parameter.schema, document, known), fc.boolean()),
    )
  return fc.record({
    parameters: fc.tuple(...values),
    body: operation.body ? arbitraryOf(operation.body, document, known) : fc.constant(undefined),
    token: tokens,
    key: fc.oneof(fc.uuid(), fc.string({ maxLength: 140 })),
    match: fc.option(junkHeader),
  })
}

const isHeader = (text: string) => /^[\t\x20-\x7e]*$/.test(text)

describe.each(operations.map((o) => [`${o.method} ${o.path}`, o] as const))('%s', (_name, operation) => {
  test('answers every request below 500, and problems say what is wrong', async () => {
    await fc.assert(
      fc.asyncProperty(requestOf(operation), async ({ parameters, body, token, key, match }) => {
        let path = operation.path
        const query = new URLSearchParams()
        for (const [parameter, value, present] of parameters) {
          const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
          if (parameter.in === 'path')
            path = path.replace(`{${parameter.name}}`, encodeURIComponent(text.toWellFormed()) || 'x')
          else if (present) query.append(parameter.name, text.toWellFormed())
        }
        const headers: Record<string, string> = { 'content-type': 'application/json' }
        if (token) headers.authorization = `Bearer ${token}`
        if (isHeader(key)) headers['idempotency-key'] = key
        if (match !== null) headers['if-match'] = match
        const isBodied = operation.method !== 'GET' && operation.method !== 'DELETE'
        const request = new Request(`http://127.0.0.1:8000${path}?${query}`, {
          method: operation.method,
          headers,
          ...(isBodied ? { body: JSON.stringify(body) ?? '' } : {}),
        })
        const response = await system.api.raw(request)
        const text = await response.text()
        expect(
          response.status,
          `${request.method} ${request.url} ${JSON.stringify(body)} -> ${text} ${lines.at(-1)}`,
        ).toBeLessThan(500)
        if (response.status >= 400 && response.headers.get('content-type') === 'application/problem+json') {
          const problem = JSON.parse(text)
          expect(problem).toMatchObject({ status: response.status, code: expect.stringMatching(/^[a-z_]+$/) })
          if (problem.code === 'validation_failed') expect(problem.errors?.length).toBeGreaterThan(0)
        }
      }),
      { numRuns: RUNS },
    )
  })
})

afterAll(async () => {
  // Whatever was sent: the books are right.
  const { body } = await system.api.get('/audit/supply')
  expect(body.tokens_circulating).toBe(body.tokens_issued)
})
