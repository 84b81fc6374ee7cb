/** The table of all groups: a day of two developers and an operator, then every row for strangers, users and operators. */
import type { TableRequest } from './requests.ts'

export interface Sent {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
export interface World {
  readonly alice: string
  readonly bob: string
  readonly carol: string
  readonly refreshToken: string
  readonly email: string
  readonly operator: string
  readonly payer: string
  readonly payee: string
  readonly rows: readonly { readonly method: string; readonly path: string }[]
}

const API = '/api/v1'
const card = (name: string) => ({
  name,
  description: 'Spricht überall gleich 🌍',
  version: '1.0.0',
  supportedInterfaces: [
    { url: 'https://agent.example.com/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  capabilities: {},
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'echo', name: 'Echo', description: 'Says it again', tags: ['demo'] }],
})

/** Drives it in order; what a later request needs it reads out of an earlier answer. */
export async function driveRegistry(
  world: World,
  send: (request: TableRequest) => Promise<Sent>,
): Promise<void> {
  let serial = 0
  const ask = async (
    method: string,
    path: string,
    token: string | null,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const answer = await send({
      what: `${++serial} ${method} ${path}`,
      method,
      path: path.startsWith('/') ? API + path : `/${path.slice(1)}`,
      status: 0,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    return { ...answer, json: () => JSON.parse(answer.body) }
  }
  const key = (name: string) => ({ 'idempotency-key': name })
  const { alice, bob, operator, payer, payee } = world

  // auth, account, invites
  await ask('POST', '/auth/register', null, {
    email: 'new@example.com',
    password: 'short',
    display_name: 'N',
  })
  await ask('POST', '/auth/register', null, {
    email: 'new@example.com',
    password: 'a password of many words',
    display_name: 'Neue Entwicklerin',
  })
  await ask('POST', '/auth/login', null, { email: world.email, password: 'wrong password here' })
  const login = await ask('POST', '/auth/login', null, {
    email: world.email,
    password: 'correct horse battery staple',
  })
  await ask('GET', '/auth/me', login.json().access_token)
  await ask('POST', '/auth/refresh', null, { refresh_token: login.json().refresh_token })
  await ask('POST', '/auth/refresh', null, { refresh_token: login.json().refresh_token })
  const apiKey = await ask(
    'POST',
    '/auth/api-keys',
    alice,
    { name: 'ci', scopes: ['agents:read'] },
    key('k-1'),
  )
  await ask('POST', '/auth/api-keys', alice, { name: 'ci', scopes: ['agents:read'] }, key('k-1'))
  await ask('POST', '/auth/api-keys', alice, { name: 'other', scopes: ['agents:read'] }, key('k-1'))
  await ask('GET', '/auth/api-keys', alice)
  await ask('GET', '/agents?mine=true&limit=2', apiKey.json().secret)
  await ask('POST', '/agents', apiKey.json().secret, { card: card('forbidden') })
  await ask('PATCH', '/auth/me', alice, { display_name: 'Älice' })
  await ask('POST', '/invites', operator, { email: 'guest@example.com' })
  await ask('GET', '/invites', operator)

  // agents, discovery: ETags, conditions, verbatim bytes
  const agent = await ask('POST', '/agents', alice, { card: card('table'), slug: 'table' })
  const { id } = agent.json()
  await ask('POST', '/agents', alice, { card: card('table'), slug: 'table' })
  await ask('POST', '/agents/validate', alice, { card: { name: 7 } })
  const read = await ask('GET', `/agents/${id}`, null)
  await ask('GET', `/agents/${id}`, null, undefined, { 'if-none-match': read.headers.etag ?? '' })
  const hosted = await ask('GET', `/agents/${id}/.well-known/agent-card.json`, null)
  await ask('HEAD', `/agents/${id}/.well-known/agent-card.json`, null)
  await ask('GET', `/agents/${id}/.well-known/agent-card.json`, null, undefined, {
    'if-none-match': hosted.headers.etag ?? '',
  })
  await ask('OPTIONS', `/agents/${id}/.well-known/agent-card.json`, null)
  await ask('PUT', `/agents/${id}/card`, alice, { card: card('renamed') })
  await ask('PUT', `/agents/${id}/card`, alice, { card: card('renamed') }, { 'if-match': '"stale"' })
  await ask(
    'PUT',
    `/agents/${id}/card`,
    alice,
    { card: card('renamed') },
    { 'if-match': agent.json().card_etag },
  )
  await ask('GET', `/agents/${id}/versions`, alice)
  await ask('GET', `/agents/${id}/did.json`, null)
  const agentKey = await ask('POST', `/agents/${id}/keys`, alice, {
    name: 'robot',
    scopes: ['transfers:read'],
  })
  await ask('GET', '/discovery/agents?q=renamed&explain=true', null)
  await ask('GET', '/discovery/agents?q=%F0%9F%8C%8D&sort=relevance&limit=1', null)
  await ask('GET', '/discovery/facets', null)
  await ask('GET', '/discovery/suggest?prefix=re', null)
  await ask('GET', '/discovery/registries', null)
  await ask('GET', '/discovery/agents?unknown=1&unknown=2', null)

  // transfers: quotes, replays, refusals, refunds, batches, CSV
  const quote = await ask('GET', `/transfers/quote?from_agent=${payer}&to_agent=${payee}&amount=10`, alice)
  const order = {
    from_agent: payer,
    to_agent: payee,
    amount: '10',
    quote_id: quote.json().quote_id,
    memo: 'Grüße',
  }
  const paid = await ask('POST', '/transfers', alice, order, key('t-1'))
  await ask('POST', '/transfers', alice, order, key('t-1'))
  await ask('POST', '/transfers', alice, { ...order, amount: '11' }, key('t-1'))
  await ask('POST', '/transfers', alice, order)
  await ask('POST', '/transfers', alice, { ...order, amount: '1e3' }, key('t-2'))
  await ask('POST', '/transfers', bob, { from_agent: payee, to_agent: payer, amount: '5000' }, key('t-3'))
  await ask('POST', '/transfers', alice, '{"from_agent":', key('t-4'))
  await ask('POST', `/transfers/${paid.json().id}/refund`, bob, { amount: '1' }, key('r-1'))
  await ask('POST', `/transfers/${paid.json().id}/rating`, alice, { score: 1, comment: 'Schön' })
  await ask('GET', `/transfers/${paid.json().id}`, world.carol)
  await ask('GET', `/transfers?agent=${payer}&limit=1`, alice)
  const many = Array.from({ length: 300 }, (_, i) => ({
    from_agent: payer,
    to_agent: payee,
    amount: `0.${i + 100}`,
  }))
  await ask('POST', '/transfers/batch', alice, { transfers: many }, key('b-1'))
  await ask('GET', `/agents/${payer}/balance`, alice)
  await ask('GET', `/agents/${payer}/statement?limit=3`, alice)
  await ask('GET', `/agents/${payer}/statement?limit=200`, alice, undefined, { accept: 'text/csv' })
  await ask('GET', `/agents/${payer}/balance`, agentKey.json().secret)

  // payments, x402
  const token = await ask(
    'POST',
    '/payments/tokens',
    alice,
    { payer_agent: payer, payee_agent: payee, amount: '3', expires_in: 600 },
    key('p-1'),
  )
  await ask('POST', '/payments/tokens/verify', bob, { token: token.json().token })
  await ask('POST', '/payments/tokens/redeem', bob, { token: token.json().token, amount: '2' }, key('p-2'))
  await ask('POST', '/payments/tokens/redeem', bob, { token: token.json().token }, key('p-3'))
  await ask('GET', `/payments/tokens?agent=${payer}`, alice)
  await ask('GET', '/x402/supported', null)
  await ask('POST', '/x402/verify', null, { x402Version: 2 })

  // events, webhooks, audit, operator
  await ask('GET', '/events?limit=5', operator)
  await ask('GET', '/events/types', null)
  await ask('POST', '/events/ticket', alice)
  await ask('GET', '/events/policies', operator)
  const hook = { url: 'https://93.184.216.34/hook', types: ['transfer.*'] }
  const webhook = await ask('POST', '/webhooks', alice, hook)
  await ask('POST', '/webhooks', alice, { ...hook, url: 'https://169.254.169.254/latest' })
  await ask('GET', '/webhooks', alice)
  await ask('GET', `/webhooks/${webhook.json().id}`, bob)
  await ask('GET', '/audit/supply', null)
  await ask('GET', '/operator/settings', operator)
  await ask('PATCH', '/operator/settings', operator, { intra_registry_fee_rate: '0.9' })
  await ask('PATCH', '/operator/settings', operator, { intra_registry_fee_rate: '0.01' })
  await ask('GET', '/operator/tasks', operator)
  await ask('GET', '/operator/tasks/mail_outbox/runs', operator)
  await ask('GET', '/operator/reactors', operator)
  await ask('GET', ':livez', null)
  await ask('GET', ':readyz', null)
  await ask('GET', ':health', null)
  await ask('GET', ':.well-known/jwks.json', null)

  // every row: by nobody, by a user without rights to the thing, by an operator
  const id0 = '01900000-0000-7000-8000-00000000dead'
  const callers = { nobody: null, user: world.carol, operator }
  for (const [who, bearer] of Object.entries(callers))
    for (const row of world.rows) {
      const path = row.path.replace(/:[a-z_]+(\{[^}]*\})?/g, id0)
      const isStream = row.path.endsWith('/stream')
      // Latencies of the moment, an endless reply, and the end of the session that asks.
      if (
        bearer !== null &&
        (isStream || path === '/health' || /logout|^DELETE .*auth\/me/.test(`${row.method} ${path}`))
      )
        continue
      const body = ['POST', 'PUT', 'PATCH'].includes(row.method) ? {} : undefined
      await ask(
        row.method,
        path.startsWith(API) ? path.slice(API.length) || '/' : `:${path.slice(1)}`,
        bearer,
        body,
        {
          ...key(`row-${who}-${serial}`),
        },
      )
    }
  await ask('PATCH', '/transfers', alice, {})
  await ask('GET', '/transfers', 'nfk_bad')
  await ask('POST', '/auth/logout', bob)
  await ask('GET', '/auth/me', bob)
}
