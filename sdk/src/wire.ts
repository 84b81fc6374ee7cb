/** Shapes of the registry's replies and requests. Amounts and rates are decimal strings, times RFC 3339 in UTC. */

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}
export interface PageQuery {
  /** 1 to 200, 50 by default. */
  limit?: number
  cursor?: string
}

export interface Tokens {
  access_token: string
  expires_in: number
  refresh_token: string
  token_type: string
}
export interface Account {
  id: string
  email: string
  display_name: string
  [further: string]: unknown
}
export interface NewKey {
  name: string
  scopes: string[]
  expires_at?: string
}
export interface Key {
  id: string
  name: string
  scopes: string[]
  /** Only in the reply that made it. */
  secret?: string
  [further: string]: unknown
}
export interface SpendLimits {
  per_transfer?: string
  per_day?: string
  allowed_payees?: string[]
}

/** An A2A agent card, verbatim. */
export type Card = Record<string, unknown>
export type AgentStatus = 'active' | 'deprecated' | 'suspended' | 'retired'
export interface Location {
  country: string
  region?: string
  city?: string
  latitude: number
  longitude: number
}
export interface Envelope {
  id: string
  did: string
  slug: string
  owner: string
  status: AgentStatus
  card: Card
  card_etag: string
  card_digest: string
  card_version: string
  signature_status: 'unsigned' | 'verified' | 'invalid'
  origin_registry: string
  origin_registry_location: Location | null
  sequence: number
  reputation: { percentile: number | null; evidence: number }
  created_at: string
  updated_at: string
  registry_signature: string
}
/** What discovery adds. */
export interface Found extends Envelope {
  score: number
  explain?: Record<string, unknown>
}
export interface Search extends PageQuery {
  q?: string
  skill?: string
  tag?: string
  input_mode?: string
  output_mode?: string
  binding?: string
  provider?: string
  registry?: string
  country?: string
  /** `lat,lon`. */
  near?: string
  radius_km?: number
  min_reputation?: number
  signed?: boolean
  updated_since?: string
  sort?: 'best' | 'relevance' | 'distance' | 'reputation' | 'newest'
  explain?: boolean
}

export interface Balance {
  available: string
  held: string
  staked: string
  unbonding: string
  total: string
}
export interface StatementItem {
  id: string
  transfer_id: string
  kind: string
  direction: 'in' | 'out'
  amount: string
  fee: string
  counterparty_did: string | null
  balance_after: string
  sequence: number
  created_at: string
}
export interface Quote {
  quote_id: string
  amount: string
  fee_rate: string
  fee: string
  net: string
  route: 'local' | 'cross_registry'
  valid_until: string
}
export interface TransferOrder {
  from_agent: string
  to_agent: string
  amount: string
  memo?: string
  reference?: string
  quote_id?: string
}
export interface Transfer {
  id: string
  status: 'pending' | 'completed' | 'failed'
  route: 'local' | 'cross_registry'
  from_agent: string
  from_did: string
  to_agent: string | null
  to_did: string
  amount: string
  fee: string
  net: string
  fee_rate: string
  memo: string | null
  reference: string | null
  failure_code: string | null
  refund_of: string | null
  created_at: string
  completed_at: string | null
  /** Only in the payer's own call. */
  balance_after?: string
}
export interface BatchItem {
  index: number
  status: 'completed' | 'pending' | 'refused'
  transfer?: Transfer
  error?: { code: string; detail: string }
}
export interface Rating {
  transfer_id: string
  from_agent: string
  to_agent: string | null
  to_did: string
  score: number
  comment: string | null
  created_at: string
}

/** CloudEvents 1.0, as the registry's journal has it. */
export interface JournalEvent {
  id: string
  type: string
  source: string
  subject: string
  time: string
  data: Record<string, unknown>
  [further: string]: unknown
}

export interface NewWebhook {
  url: string
  /** Dotted patterns of event types: `*` one word, a final `>` the rest. */
  types: string[]
  description?: string | null
  /** An event is sent when the one before it has arrived or was given up. */
  ordered?: boolean
}
export interface WebhookPatch extends Partial<NewWebhook> {
  status?: 'active' | 'disabled'
}
export interface Webhook {
  id: string
  url: string
  types: string[]
  description: string | null
  ordered: boolean
  status: 'active' | 'disabled'
  /** A replay from `index` on brings what was missed. */
  disabled: { reason: 'owner' | 'gone' | 'failing' | 'backlog'; at: string; index: number } | null
  /** `whpk_...`: verifies the signatures v1a. */
  public_key: string
  former_secret_until: string | null
  failures: number
  failing_since: string | null
  paused_until: string | null
  created_at: string
  updated_at: string
}
export interface DeliveryAttempt {
  number: number
  at: string
  duration_ms: number
  status: number | null
  /** A class of error; null: success. */
  error: string | null
  excerpt: string | null
}
export interface Delivery {
  id: string
  webhook: string
  /** The header webhook-id of every attempt. */
  event_id: string
  /** Null for a test. */
  index: number | null
  type: string
  state: 'waiting' | 'delivered' | 'failed'
  attempts: number
  next_attempt_at: string | null
  log: DeliveryAttempt[]
  created_at: string
  finished_at: string | null
}
