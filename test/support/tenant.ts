/** A developer who owns one of everything, for tests that ask what others can do with it. */
import { readFileSync } from 'node:fs'
import { registerDeveloper, type TestDeveloper } from './accounts.ts'
import { OPERATOR_KEY, type System } from './system.ts'

export interface Tenant extends TestDeveloper {
  readonly agent: string
  /** Path parameters of what the tenant owns, by the route that they belong to. */
  readonly owned: ReadonlyMap<string, Record<string, string>>
}

const readCard = () =>
  JSON.parse(readFileSync(new URL('../vectors/agent-cards/002-a2a402-market.json', import.meta.url), 'utf8'))

/** Makes a tenant: agent, keys, signing key, transfer. `peer` is an agent to pay; absent: no transfer. */
export async function makeTenant(system: System, peer?: string): Promise<Tenant> {
  const developer = await registerDeveloper(system)
  const { token } = developer
  const { api } = system
  const make = async (path: string, body: unknown, key?: string) => {
    const answer = await api.post(path, body, { token, ...(key ? { key } : {}) })
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }
  const agent = await make('/agents', { card: readCard() })
  const agentKey = await make(`/agents/${agent.id}/keys`, {
    name: 'robot',
    scopes: ['transfers:write', 'payments:write'],
  })
  const apiKey = await make('/auth/api-keys', { name: 'ci', scopes: ['agents:read'] })
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'k1' }
  const signing = await make('/auth/signing-keys', { jwk })
  const sessions = await api.get('/auth/sessions', { token })
  const owned = new Map<string, Record<string, string>>([
    ['/api/v1/agents/', { id: agent.id, key_id: agentKey.id, sequence: '1' }],
    ['/api/v1/auth/api-keys/', { id: apiKey.id }],
    ['/api/v1/auth/sessions/', { id: sessions.body.items[0].id }],
    ['/api/v1/auth/signing-keys/', { id: signing.id }],
    ['/api/v1/discovery/agents/', { id: agent.id, ref: agent.id, did: agent.id }],
  ])
  if (peer !== undefined) {
    const transfer = await make('/transfers', { from_agent: agent.id, to_agent: peer, amount: '1' }, 'first')
    owned.set('/api/v1/transfers/', { id: transfer.id })
    const order = { payer_agent: agent.id, payee_agent: peer, amount: '1', expires_in: 86_400 }
    const promised = await make('/payments/tokens', order, 'promise')
    owned.set('/api/v1/payments/tokens/', { id: promised.id })
  }
  const hook = { url: 'https://93.184.216.34/hook', types: ['>'], description: 'of the tenant' }
  const webhook = await make('/webhooks', hook)
  owned.set('/api/v1/webhooks/', { id: webhook.id })
  owned.set('/api/v1/operator/reactors/', { name: 'queue-webhooks', index: '1' })
  owned.set('/api/v1/operator/tasks/', { name: 'mail_outbox' })
  const report = await api.post('/audit/runs', {}, { token: OPERATOR_KEY })
  owned.set('/api/v1/audit/reports/', { id: report.body.id })
  const invite = await api.post('/invites', {}, { token: OPERATOR_KEY })
  owned.set('/api/v1/invites/', { id: invite.body.id })
  const kept = { spiffe_id: `spiffe://example.com/registry/${agent.id}`, reason: 'of a test' }
  const quarantined = await api.post('/federation/quarantine', kept, { token: OPERATOR_KEY })
  owned.set('/api/v1/federation/quarantine/', { id: quarantined.body.id })
  return { ...developer, agent: agent.id, owned }
}

/** Everything that the tenant sees of its own, to find out whether somebody changed it. */
export async function lookAt(system: System, tenant: Tenant): Promise<unknown> {
  const { token, agent } = tenant
  const paths = [
    `/agents/${agent}`,
    `/agents/${agent}/keys`,
    `/agents/${agent}/versions`,
    `/agents/${agent}/balance`,
    `/agents/${agent}/statement`,
    '/agents?mine=true',
    '/auth/me',
    '/auth/api-keys',
    '/auth/sessions',
    '/auth/signing-keys',
    '/transfers',
    '/payments/tokens',
    '/webhooks',
  ]
  const seen = []
  for (const path of paths) {
    const answer = await system.api.get(path, { token })
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
    seen.push(withoutUse(answer.body))
  }
  return seen
}

/** Times of use move by looking. */
function withoutUse(value: unknown): unknown {
  const text = JSON.stringify(value, (key, item) => (/last_(used|seen)/.test(key) ? undefined : item))
  return JSON.parse(text)
}
