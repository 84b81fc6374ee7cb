import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { validateCard } from '#core/registry/agents/validate-card.ts'
import { card03, card10, securedCard } from './sample-cards.ts'

const faultsOf = (card: unknown) => validateCard(card).errors.map((fault) => `${fault.pointer} ${fault.code}`)

describe('conversion from 0.3', () => {
  test('moves every field to its 1.0 place and keeps unknown ones', () => {
    const old = card03({
      additionalInterfaces: [
        { url: 'https://old.example.com/a2a', transport: 'JSONRPC' },
        { url: 'https://old.example.com/grpc', transport: 'GRPC' },
      ],
      supportsAuthenticatedExtendedCard: true,
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'X-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
        oauth: {
          type: 'oauth2',
          flows: {
            implicit: { authorizationUrl: 'https://id.example.com/a', scopes: {} },
            clientCredentials: { tokenUrl: 'https://id.example.com/t', scopes: { a: 'A' } },
          },
        },
        oidc: { type: 'openIdConnect', openIdConnectUrl: 'https://id.example.com/o' },
        mtls: { type: 'mutualTLS', description: 'mutual' },
      },
      security: [{ bearer: [] }, { oauth: ['a'] }],
      'x-mine': 1,
    })
    const verdict = validateCard(old)
    expect(verdict.errors).toEqual([])
    expect(verdict.warnings.map((one) => one.code)).toEqual(['flows_dropped'])
    expect(verdict.card).toEqual({
      name: 'Old Agent',
      description: 'Speaks 0.3.',
      version: '1.0.0',
      defaultInputModes: ['text/plain'],
      defaultOutputModes: ['text/plain'],
      'x-mine': 1,
      supportedInterfaces: [
        { url: 'https://old.example.com/a2a', protocolBinding: 'JSONRPC', protocolVersion: '0.3' },
        { url: 'https://old.example.com/grpc', protocolBinding: 'GRPC', protocolVersion: '0.3' },
      ],
      capabilities: { streaming: true, extendedAgentCard: true },
      securitySchemes: {
        key: { apiKeySecurityScheme: { location: 'header', name: 'X-Key' } },
        bearer: { httpAuthSecurityScheme: { scheme: 'bearer' } },
        oauth: {
          oauth2SecurityScheme: {
            flows: { clientCredentials: { tokenUrl: 'https://id.example.com/t', scopes: { a: 'A' } } },
          },
        },
        oidc: { openIdConnectSecurityScheme: { openIdConnectUrl: 'https://id.example.com/o' } },
        mtls: { mtlsSecurityScheme: { description: 'mutual' } },
      },
      securityRequirements: [{ schemes: { bearer: { list: [] } } }, { schemes: { oauth: { list: ['a'] } } }],
      skills: [{ id: 'talk', name: 'Talk', description: 'Talks.', tags: ['talk'] }],
    })
  })

  test.each([
    ['no flow', { type: 'oauth2', flows: {} }, '/card/securitySchemes/s/flows one_of'],
    ['an unknown type', { type: 'basic' }, '/card/securitySchemes/s/type invalid_value'],
    ['a missing field', { type: 'http' }, '/card/securitySchemes/s/scheme required'],
  ])('refuses a scheme with %s', (_what, scheme, wanted) => {
    expect(faultsOf(card03({ securitySchemes: { s: scheme } }))).toEqual([wanted])
  })
})

describe('any JSON', () => {
  const noise = fc.jsonValue({ maxDepth: 4 })
  const keys = fc.constantFrom(
    'name',
    'description',
    'supportedInterfaces',
    'provider',
    'version',
    'documentationUrl',
    'capabilities',
    'securitySchemes',
    'securityRequirements',
    'defaultInputModes',
    'defaultOutputModes',
    'skills',
    'signatures',
    'iconUrl',
    'url',
    'protocolVersion',
    'preferredTransport',
    'additionalInterfaces',
    'security',
    '__proto__',
  )
  const mutated = fc
    .tuple(fc.constantFrom(card10(), card03(), securedCard()), keys, noise)
    .map(([card, key, value]) =>
      JSON.parse(JSON.stringify(Object.fromEntries([...Object.entries(card), [key, value]]))),
    )

  test('is judged without a throw: a card comes out or faults do', () => {
    fc.assert(
      fc.property(fc.oneof(noise, mutated), (value) => {
        const verdict = validateCard(value)
        expect(verdict.card === null).toBe(verdict.errors.length > 0)
      }),
      { numRuns: 500 },
    )
  })
  test('of a valid 0.3 card converts into a valid 1.0 card', () => {
    fc.assert(
      fc.property(mutated, (value) => {
        const verdict = validateCard(value)
        if (verdict.original) expect(validateCard(verdict.card).errors).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
