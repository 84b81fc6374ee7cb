import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { eventTypes } from '#core/registry/stream/events.ts'
import { CloudEvent } from '#core/registry/stream/schema.ts'
import { describeStream } from '#core/runtime/describe-stream.ts'
import { checkFrame } from '#test/support/stream-contract.ts'

const info = { title: 'Ninefold', version: '1.2.3', description: '', serverUrl: 'https://registry.example' }
const document = describeStream(info, { event: CloudEvent, types: eventTypes })

describe('the AsyncAPI document', () => {
  test("is valid by the specification's own schema", () => {
    const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json')
    // The schema brings draft 7 along.
    const ajv = new Ajv({
      strict: false,
      allErrors: true,
      validateFormats: false,
      meta: false,
      validateSchema: false,
    })
    const validate = ajv.compile(schema)
    expect([validate(document), validate.errors]).toEqual([true, null])
  })

  test('names the server by its public address and every type of event', () => {
    expect(document).toMatchObject({ servers: { registry: { host: 'registry.example', protocol: 'wss' } } })
    const { description } = document.info as { description: string }
    for (const type of Object.keys(eventTypes)) expect(description).toContain(`\`${type}\``)
  })

  test('refuses frames of another shape', () => {
    expect(() => checkFrame({ type: 'ping' })).not.toThrow()
    expect(() => checkFrame({ type: 'hello' })).toThrow(/required/)
    expect(() => checkFrame({ type: 'pong', extra: 1 } as { type: string })).toThrow(/additional/)
    expect(() => checkFrame({ type: 'weather' })).toThrow(/does not know/)
  })
})
