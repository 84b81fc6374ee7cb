import { describe, expect, test } from 'vitest'
import { validateCard } from '#core/registry/agents/validate-card.ts'
import { card10, securedCard, vectorCard, vectorNames } from './sample-cards.ts'

const faultsOf = (card: unknown) => validateCard(card).errors.map((fault) => `${fault.pointer} ${fault.code}`)
const adviceOf = (card: unknown) => validateCard(card).warnings.map((one) => `${one.pointer} ${one.code}`)

describe('real cards of test/vectors/agent-cards', () => {
  const accepted = ['002', '004', '006', '008']
  const converted = ['020', '022', '024', '026']

  test.each(accepted)('accepts %s as A2A 1.0, unchanged', (number) => {
    const card = vectorCard(number)
    const verdict = validateCard(card)
    expect(verdict.errors).toEqual([])
    expect(verdict).toMatchObject({ readAs: '1.0', original: null })
    expect(verdict.card).toBe(card)
  })

  test.each(converted)('converts %s from 0.3 into a valid 1.0 card and keeps the original', (number) => {
    const card = vectorCard(number)
    const verdict = validateCard(card)
    expect(verdict.errors).toEqual([])
    expect(verdict).toMatchObject({ readAs: '0.3', original: card })
    expect(faultsOf(verdict.card)).toEqual([])
    expect(validateCard(verdict.card).readAs).toBe('1.0')
  })

  const refused = vectorNames.filter(
    (name) => ![...accepted, ...converted].some((number) => name.startsWith(number)),
  )
  test.each(refused)('refuses %s with faults that have pointers and words', (name) => {
    const verdict = validateCard(vectorCard(name.slice(0, 3)))
    expect(verdict.card).toBeNull()
    expect(verdict.errors.length).toBeGreaterThan(0)
    for (const fault of verdict.errors) {
      expect(fault.pointer).toMatch(/^\/card/)
      expect(fault.detail.length).toBeGreaterThan(5)
    }
  })

  test.each([
    [
      '010',
      '1.0',
      [
        '/card/supportedInterfaces/0/protocolVersion required',
        '/card/supportedInterfaces/0/url not_absolute',
      ],
    ],
    ['012', '1.0', ['/card/supportedInterfaces/0/url not_absolute']],
    ['014', '1.0', ['/card/securityRequirements/0/schemes required']],
    [
      '016',
      '1.0',
      [
        '/card/supportedInterfaces/0/protocolBinding required',
        '/card/supportedInterfaces/0/protocolVersion required',
        '/card/capabilities required',
        '/card/defaultInputModes required',
        '/card/defaultOutputModes required',
      ],
    ],
    ['030', '0.3', ['/card/protocolVersion required']],
    ['032', '0.3', ['/card/protocolVersion required']],
    ['034', '0.3', ['/card/protocolVersion required']],
    ['038', '0.3', ['/card/protocolVersion required', '/card/securitySchemes invalid_type']],
    [
      '040',
      '1.0',
      [
        '/card/supportedInterfaces required',
        '/card/defaultInputModes required',
        '/card/defaultOutputModes required',
      ],
    ],
  ] as const)('tells for %s, read as %s, all that is missing', (number, version, wanted) => {
    const verdict = validateCard(vectorCard(number))
    expect(verdict.readAs).toBe(version)
    expect(faultsOf(vectorCard(number))).toEqual(expect.arrayContaining([...wanted]))
  })
})

describe('faults of a 1.0 card', () => {
  const skill = { id: 'a', name: 'A', description: 'A.', tags: ['t'] }
  test.each([
    ['a card that is no object', [], ['/card invalid_type']],
    ['no card', undefined, ['/card required']],
    ['an empty name', card10({ name: ' ' }), ['/card/name empty']],
    ['a name of another type', card10({ name: 7 }), ['/card/name invalid_type']],
    ['a name of null', card10({ name: null }), ['/card/name required']],
    ['a long name', card10({ name: 'n'.repeat(201) }), ['/card/name too_long']],
    ['no skills', card10({ skills: [] }), ['/card/skills empty']],
    ['101 skills', card10({ skills: Array(101).fill(skill) }), ['/card/skills too_many']],
    [
      '21 tags',
      card10({ skills: [{ ...skill, tags: Array(21).fill('t') }] }),
      ['/card/skills/0/tags too_many'],
    ],
    [
      '33 extensions',
      card10({ capabilities: { extensions: Array(33).fill({ uri: 'urn:x' }) } }),
      ['/card/capabilities/extensions too_many'],
    ],
    ['more than 64 KiB', card10({ x: 'x'.repeat(65_536) }), ['/card too_large']],
    ['capabilities as list', card10({ capabilities: [] }), ['/card/capabilities invalid_type']],
    [
      'a relative interface',
      card10({ supportedInterfaces: [{ url: '/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }] }),
      ['/card/supportedInterfaces/0/url not_absolute'],
    ],
    [
      'a script as interface',
      card10({
        supportedInterfaces: [
          { url: 'javascript://x/%0aalert(1)', protocolBinding: 'X', protocolVersion: '1.0' },
        ],
      }),
      ['/card/supportedInterfaces/0/url not_absolute'],
    ],
    [
      'a script as link',
      card10({ documentationUrl: 'javascript:alert(1)' }),
      ['/card/documentationUrl unsafe_url'],
    ],
    [
      'two schemes in one',
      card10({
        securitySchemes: {
          'a/b': { httpAuthSecurityScheme: { scheme: 'Bearer' }, mtlsSecurityScheme: {} },
        },
      }),
      ['/card/securitySchemes/a~1b one_of'],
    ],
    [
      'a 0.3 scheme',
      card10({ securitySchemes: { b: { type: 'http', scheme: 'bearer' } } }),
      ['/card/securitySchemes/b one_of'],
    ],
    [
      'an API key in an unknown place',
      card10({ securitySchemes: { k: { apiKeySecurityScheme: { location: 'body', name: 'k' } } } }),
      ['/card/securitySchemes/k/apiKeySecurityScheme/location invalid_value'],
    ],
    [
      'a number beyond JSON',
      card10({ x: { y: [Number.POSITIVE_INFINITY] } }),
      ['/card/x/y/0 number_out_of_range'],
    ],
  ])('names %s', (_what, card, wanted) => {
    expect(faultsOf(card)).toEqual(wanted)
  })

  test('tells every fault at once', () => {
    expect(faultsOf({ supportedInterfaces: [{}] })).toEqual([
      '/card/name required',
      '/card/description required',
      '/card/supportedInterfaces/0/url required',
      '/card/supportedInterfaces/0/protocolBinding required',
      '/card/supportedInterfaces/0/protocolVersion required',
      '/card/version required',
      '/card/capabilities required',
      '/card/defaultInputModes required',
      '/card/defaultOutputModes required',
      '/card/skills required',
    ])
  })
})

describe('what is accepted', () => {
  test.each([
    ['unknown fields anywhere', card10({ 'x-mine': { a: 1 }, capabilities: { more: true } })],
    ['every security scheme', securedCard()],
    ['any version text', card10({ version: 'spring edition' })],
    ['null for an optional field', card10({ provider: null, iconUrl: null })],
    ['empty capabilities', card10({ capabilities: {} })],
    [
      '100 skills',
      card10({
        skills: Array.from({ length: 100 }, (_, i) => ({
          id: `s${i}`,
          name: 'S',
          description: 'S',
          tags: ['t'],
        })),
      }),
    ],
    [
      'host:port for gRPC',
      card10({
        supportedInterfaces: [
          { url: 'grpc.example.com:443', protocolBinding: 'GRPC', protocolVersion: '1.0' },
        ],
      }),
    ],
  ])('accepts %s', (_what, card) => {
    expect(faultsOf(card)).toEqual([])
  })
})

describe('warnings', () => {
  const at = (url: string) =>
    card10({ supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }] })
  test.each([
    ['http://agent.example.com/', 'insecure_url'],
    ['https://localhost:9/', 'loopback_url'],
    ['https://[::1]/', 'loopback_url'],
    ['http://127.0.0.1:8081/a2a', 'loopback_url'],
    ['https://10.1.2.3/', 'private_url'],
    ['https://[fd00::1]/', 'private_url'],
    ['https://me:secret@agent.example.com/', 'credentials_in_url'],
  ])('%s is accepted with the warning %s', (url, code) => {
    expect(faultsOf(at(url))).toEqual([])
    expect(adviceOf(at(url))).toEqual([`/card/supportedInterfaces/0/url ${code}`])
  })
  test('a clean card has none', () => {
    expect(adviceOf(card10())).toEqual([])
    expect(adviceOf(securedCard())).toEqual([])
  })
  test('name a requirement of an unknown scheme, a repeated skill and a number that loses digits', () => {
    const skill = { id: 'a', name: 'A', description: 'A.', tags: ['t'] }
    expect(
      adviceOf(
        card10({
          skills: [skill, skill],
          securityRequirements: [{ schemes: { none: { list: [] } } }],
          x: 2 ** 60,
        }),
      ),
    ).toEqual([
      '/card/skills/1/id duplicate_skill',
      '/card/securityRequirements/0 unknown_scheme',
      '/card/x unsafe_number',
    ])
  })
})
