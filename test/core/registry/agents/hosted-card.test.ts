import { type AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk'
import { DefaultAgentCardResolver } from '@a2a-js/sdk/client'
import { importJWK, type JWK } from 'jose'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'
import { card03, card10, securedCard, vectorCard } from './sample-cards.ts'

type Json = ReturnType<typeof JSON.parse>
let system: System
let alice: TestDeveloper

beforeAll(async () => {
  // The SDK tells every signature that does not fit; several stand in a card on purpose.
  vi.spyOn(console, 'debug').mockImplementation(() => undefined)
  system = await startSystem()
  alice = await registerDeveloper(system)
})

const publish = async (card: Json): Promise<Json> => {
  const answer = await system.api.post('/agents', { card }, { token: alice.token })
  expect(answer.status).toBe(201)
  return answer.body
}
const hosted = (id: string, headers: Record<string, string> = {}) =>
  system.api.get(`/agents/${id}/.well-known/agent-card.json`, { headers })

describe('the hosted card', () => {
  const verifyStock = async (agent: Json) => {
    const resolver = new DefaultAgentCardResolver({
      fetchImpl: async (url, init) => system.api.raw(new Request(url as URL, init as RequestInit)),
    })
    const card = await resolver.resolve(`http://127.0.0.1:8000/api/v1/agents/${agent.id}/`)
    await verifyAgentCardSignature(async (kid) => {
      const { keys } = (await system.api.get('/.well-known/jwks.json')).body
      const jwk = keys.find((one: JWK) => one.kid === kid)
      return importJWK(jwk as JWK, 'EdDSA') as Promise<
        Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>
      >
    })(card as AgentCard)
    return card
  }
  test.each([
    ['a 1.0 card', () => card10()],
    ['a converted 0.3 card', () => card03()],
    ['a card with security schemes', () => securedCard()],
    ['a real card', () => vectorCard('004')],
  ])('of %s resolves and verifies with the stock @a2a-js/sdk client', async (_what, make) => {
    const agent = await publish(make())
    expect((await verifyStock(agent)).name).toBe(agent.card.name)
  })

  test('is the published card with signatures appended, cacheable, readable from any page', async () => {
    const agent = await publish({ ...card10(), 'x-last': 1 })
    const answer = await hosted(agent.id, { 'a2a-version': '1.0', origin: 'https://page.example' })
    const { signatures, ...rest } = answer.body
    expect(rest).toEqual(agent.card)
    expect(Object.keys(rest)).toEqual(Object.keys(agent.card))
    expect(signatures.length).toBeGreaterThan(0)
    const header = JSON.parse(Buffer.from(signatures[0].protected, 'base64url').toString('utf8'))
    expect(header).toMatchObject({
      alg: 'EdDSA',
      typ: 'JOSE',
      jku: 'http://127.0.0.1:8000/.well-known/jwks.json',
    })
    expect(answer.headers.get('etag')).toBe(agent.card_etag)
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    const again = await hosted(agent.id, { 'if-none-match': agent.card_etag })
    expect([again.status, again.text]).toEqual([304, ''])
    expect((await hosted(agent.id, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  test('answers 404 agent_not_found for an unknown agent, to any page', async () => {
    const answer = await hosted(crypto.randomUUID())
    expect([answer.status, answer.body.code]).toEqual([404, 'agent_not_found'])
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  })

  test("answers a browser's OPTIONS for the A2A-Version header, and 405 where pages have no business", async () => {
    const preflight = (path: string) =>
      system.api.raw(
        new Request(`http://127.0.0.1:8000/api/v1/agents/${path}`, {
          method: 'OPTIONS',
          headers: {
            origin: 'https://page.example',
            'access-control-request-method': 'GET',
            'access-control-request-headers': 'a2a-version',
          },
        }),
      )
    const answer = await preflight(`${crypto.randomUUID()}/.well-known/agent-card.json`)
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-allow-headers')).toBe('*')
    expect((await preflight(crypto.randomUUID())).status).toBe(405)
  })
})

describe('GET /agents/{id}/did.json', () => {
  test('is a did:web document of the did, with the key that signs envelopes', async () => {
    const agent = await publish(card10())
    const answer = await system.api.get(`/agents/${agent.id}/did.json`)
    expect(answer.headers.get('content-type')).toBe('application/did+json')
    const { kid } = JSON.parse(
      Buffer.from(agent.registry_signature.split('.')[0], 'base64url').toString('utf8'),
    )
    const method = answer.body.verificationMethod[0]
    expect(answer.body.id).toBe(agent.did)
    expect(method).toMatchObject({ id: `${agent.did}#${kid}`, controller: agent.did })
    expect(answer.body.assertionMethod).toEqual([method.id])
    expect(method.publicKeyJwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519', kid })
    expect(answer.body.service.map((one: Json) => one.serviceEndpoint)).toEqual([
      `http://127.0.0.1:8000/api/v1/agents/${agent.id}/.well-known/agent-card.json`,
      `http://127.0.0.1:8000/api/v1/agents/${agent.id}`,
      'https://recipes.example.com/a2a',
    ])
    const [, , host, ...path] = agent.did.split(':')
    expect(`http://${decodeURIComponent(host)}/${path.join('/')}/did.json`).toBe(
      `http://127.0.0.1:8000/api/v1/agents/${agent.id}/did.json`,
    )
  })
})
