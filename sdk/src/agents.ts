/** Agents: their cards, states, keys, balances and statements. Agents are named by id or by did. */
import type { RequestOptions, Transport } from './transport.ts'
import type {
  AgentStatus,
  Balance,
  Card,
  Envelope,
  Key,
  NewKey,
  Page,
  PageQuery,
  SpendLimits,
  StatementItem,
} from './wire.ts'

const at = (agent: string, rest = '') => `/agents/${encodeURIComponent(agent)}${rest}`

export const agents = (client: Transport) => ({
  /** Publishes a card; it is found from the moment that this resolves. */
  publish: (body: { card: Card; slug?: string }, options?: RequestOptions) =>
    client.request<Envelope>('POST', '/agents', { ...options, body }),
  /** Everything that is wrong with a card, at once; nothing is stored. */
  validate: (card: Card) =>
    client.request<{ valid: boolean; errors: unknown[] }>('POST', '/agents/validate', { body: { card } }),
  list: (query?: PageQuery & { mine?: boolean }) =>
    client.request<Page<Envelope>>('GET', '/agents', { query: { ...query } }),
  read: (agent: string) => client.request<Envelope>('GET', at(agent)),
  /** `etag`: the card_etag that the change is based on, `*` for whatever stands there. */
  updateCard: (agent: string, card: Card, etag: string) =>
    client.request<Envelope>('PUT', at(agent, '/card'), { body: { card }, headers: { 'if-match': etag } }),
  setStatus: (agent: string, status: AgentStatus, reason: string) =>
    client.request<Envelope>('PATCH', at(agent, '/status'), { body: { status, reason } }),
  /** Refused with agent_not_empty unless nothing is left or `moveBalanceTo` says where it goes. */
  retire: (agent: string, etag: string, moveBalanceTo?: string) =>
    client.request<void>('DELETE', at(agent), {
      headers: { 'if-match': etag },
      query: { move_balance_to: moveBalanceTo },
    }),
  versions: (agent: string, query?: PageQuery) =>
    client.request<Page<Record<string, unknown>>>('GET', at(agent, '/versions'), { query: { ...query } }),
  keys: (agent: string, query?: PageQuery) =>
    client.request<Page<Key>>('GET', at(agent, '/keys'), { query: { ...query } }),
  /** The secret is shown in this reply only. */
  createKey: (agent: string, body: NewKey & { limits?: SpendLimits }, options?: RequestOptions) =>
    client.request<Key>('POST', at(agent, '/keys'), { ...options, body }),
  revokeKey: (agent: string, id: string) =>
    client.request<void>('DELETE', at(agent, `/keys/${encodeURIComponent(id)}`)),
  /** `time`: RFC 3339, for a balance of the past. */
  balance: (agent: string, time?: string) =>
    client.request<Balance>('GET', at(agent, '/balance'), { query: { at: time } }),
  /** Newest first. */
  statement: (agent: string, query?: PageQuery & { from?: string; to?: string }) =>
    client.request<Page<StatementItem>>('GET', at(agent, '/statement'), { query: { ...query } }),
  /** The card as other agents see it, byte for byte. */
  card: (agent: string) => client.request<Card>('GET', at(agent, '/.well-known/agent-card.json')),
})
