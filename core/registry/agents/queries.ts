/** Statements of agents and their versions. */
import type { JWK } from 'jose'
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { AgentStatus, Location } from './schema.ts'
import type { SignatureForm } from './verify-card.ts'

/** A change of status that the TEG has been asked for. */
export interface Intent {
  status: AgentStatus
  /** Sequence of the command at the TEG. */
  sequence: number
  actor: 'owner' | 'operator'
  /** Principal who asked for it. */
  by: string
  reason: string | null
  move_balance_to: string | null
}

export interface CardFacts {
  card_text: string
  card_original: string | null
  card_etag: string
  card_digest: string
  card_version: string
  signature_status: 'unsigned' | 'verified' | 'invalid'
  signature_form: SignatureForm | null
  signature_kid: string | null
}

export interface AgentRow extends CardFacts {
  id: string
  did: string
  slug: string
  owner: string
  status: AgentStatus
  sequence: bigint
  origin_registry: string
  origin_location: Location | null
  hosted_card: string
  registry_signature: string
  created_at: Date
  updated_at: Date
  retired_at: Date | null
  status_reason: string | null
  suspended_by: 'owner' | 'operator' | null
  intent: Intent | null
  teg_sequence: bigint
}

const CARD = `card_text, card_original, card_etag, card_digest, card_version, signature_status, signature_form,
  signature_kid`
const COLUMNS = `id, did, slug, owner, status, sequence, ${CARD}, origin_registry, origin_location, hosted_card,
  registry_signature, created_at, updated_at, retired_at, status_reason, suspended_by, intent, teg_sequence`

/** The moment of a change, at the precision that an envelope shows. */
export const readTime = async (tx: Transaction, time: Date | null): Promise<Date> =>
  (
    await tx.query<{ now: Date }>(
      `select date_trunc('milliseconds', coalesce($1::timestamptz, clock_timestamp())) as now`,
      [time],
    )
  )[0]?.now as Date

export const findAgent = async (on: Queryable, id: string) =>
  (await on.query<AgentRow>(`select ${COLUMNS} from registry.agents where id = $1`, [id]))[0]

export const lockAgent = async (tx: Transaction, id: string) =>
  (await tx.query<AgentRow>(`select ${COLUMNS} from registry.agents where id = $1 for update`, [id]))[0]

export const isSlugFree = async (tx: Transaction, slug: string) =>
  (await tx.query('select 1 from registry.agents where slug = $1', [slug])).length === 0

/** Keeps an account from being deleted until the transaction ends. @returns false when it is not active (any more) */
export const holdActiveOwner = async (tx: Transaction, account: string): Promise<boolean> =>
  (
    await tx.query(`select 1 from registry.accounts where id = $1 and status = 'active' for key share`, [
      account,
    ])
  ).length === 1

/** @returns false when the slug has been taken meanwhile */
export async function insertAgent(tx: Transaction, row: AgentRow): Promise<boolean> {
  const rows = await tx.query(
    `insert into registry.agents (${COLUMNS})
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::json, $17, $18, $19, $20, null,
             null, null, null, 0)
     on conflict (slug) do nothing returning id`,
    [
      row.id,
      row.did,
      row.slug,
      row.owner,
      row.status,
      row.sequence,
      ...cardParams(row),
      row.origin_registry,
      row.origin_location && JSON.stringify(row.origin_location),
      row.hosted_card,
      row.registry_signature,
      row.created_at,
      row.updated_at,
    ],
  )
  return rows.length === 1
}

const cardParams = (facts: CardFacts) => [
  facts.card_text,
  facts.card_original,
  facts.card_etag,
  facts.card_digest,
  facts.card_version,
  facts.signature_status,
  facts.signature_form,
  facts.signature_kid,
]

export const insertVersion = (tx: Transaction, row: AgentRow) =>
  tx.query(
    `insert into registry.agent_versions (agent, sequence, ${CARD}, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [row.id, row.sequence, ...cardParams(row), row.updated_at],
  )

/** Writes a changed agent. What was settled with the TEG stays settled unless the row says otherwise. */
export const updateAgent = (tx: Transaction, row: AgentRow) =>
  tx.query(
    `update registry.agents set status = $2, sequence = $3, card_text = $4, card_original = $5, card_etag = $6,
       card_digest = $7, card_version = $8, signature_status = $9, signature_form = $10, signature_kid = $11,
       origin_registry = $12, origin_location = $13::json, hosted_card = $14, registry_signature = $15,
       updated_at = $16, retired_at = $17, status_reason = $18, suspended_by = $19, intent = $20::json,
       teg_sequence = $21
     where id = $1`,
    [
      row.id,
      row.status,
      row.sequence,
      ...cardParams(row),
      row.origin_registry,
      row.origin_location && JSON.stringify(row.origin_location),
      row.hosted_card,
      row.registry_signature,
      row.updated_at,
      row.retired_at,
      row.status_reason,
      row.suspended_by,
      row.intent && JSON.stringify(row.intent),
      row.teg_sequence,
    ],
  )

export const updateIntent = (tx: Transaction, id: string, intent: Intent | null) =>
  tx.query('update registry.agents set intent = $2::json where id = $1', [
    id,
    intent && JSON.stringify(intent),
  ])

/** Notes that the TEG's account agrees with the row as it was at `sequence`. */
export const markSettled = (on: Queryable, id: string, sequence: bigint) =>
  on.query(
    'update registry.agents set teg_sequence = $2 where id = $1 and sequence = $2 and teg_sequence < $2',
    [id, sequence],
  )

/** Agents whose account at the TEG may not agree with them. */
export const listUnsettled = (on: Queryable, after: string | null, limit: number) =>
  on.query<AgentRow>(
    `select ${COLUMNS} from registry.agents
     where (teg_sequence < sequence or intent is not null) and ($1::uuid is null or id > $1::uuid)
     order by id limit $2`,
    [after, limit],
  )

/** Agents that are not retired and whose envelope names another origin than the one given. */
export const listMisplaced = (
  on: Queryable,
  origin: { name: string; place: string | null; after: string | null; limit: number },
) =>
  on.query<{ id: string }>(
    `select id from registry.agents
     where status <> 'retired' and ($3::uuid is null or id > $3::uuid)
       and (origin_registry <> $1 or origin_location::jsonb is distinct from $2::jsonb)
     order by id limit $4`,
    [origin.name, origin.place, origin.after, origin.limit],
  )

export interface ListFilter {
  owner: string | null
  visibleOnly: boolean
  before: { time: string; id: string } | null
  limit: number
}

/** A page of agents, newest first; `created_key` is the exact time for the cursor. */
export const listAgents = (on: Queryable, filter: ListFilter) =>
  on.query<AgentRow & { created_key: string }>(
    `select ${COLUMNS}, (extract(epoch from created_at) * 1000000)::bigint::text as created_key
     from registry.agents
     where ($1::uuid is null or owner = $1::uuid)
       and (not $2::boolean or status in ('active', 'deprecated'))
       and ($3::bigint is null
            or (created_at, id) < (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid))
     order by created_at desc, id desc limit $5`,
    [filter.owner, filter.visibleOnly, filter.before?.time ?? null, filter.before?.id ?? null, filter.limit],
  )

export type VersionRow = CardFacts & { sequence: bigint; created_at: Date }

export const listVersions = (on: Queryable, agent: string, before: string | null, limit: number) =>
  on.query<Omit<VersionRow, 'card_text' | 'card_original'>>(
    `select sequence, card_etag, card_digest, card_version, signature_status, signature_form, signature_kid, created_at
     from registry.agent_versions where agent = $1 and ($2::bigint is null or sequence < $2::bigint)
     order by sequence desc limit $3`,
    [agent, before, limit],
  )

export const findVersion = async (on: Queryable, agent: string, sequence: string) =>
  (
    await on.query<VersionRow>(
      `select sequence, ${CARD}, created_at from registry.agent_versions where agent = $1 and sequence = $2::bigint`,
      [agent, sequence],
    )
  )[0]

/** Keys that a developer has enrolled for card signatures and not revoked. */
export const listSigningKeys = (on: Queryable, account: string) =>
  on.query<{ kid: string; jwk: JWK }>(
    'select kid, jwk from registry.signing_keys where account = $1 and revoked_at is null',
    [account],
  )

/** Notes the genesis grant of a developer's first agent; once per developer and per grant key. */
export const insertGrantDue = (
  tx: Transaction,
  due: { developer: string; agent: string; amount: bigint; time: Date | null },
) =>
  tx.query(
    `insert into registry.grants_due (developer, grant_key, agent, amount, due_since, next_attempt_at)
     select a.id, a.grant_key, $2::uuid, $3, coalesce($4::timestamptz, clock_timestamp()),
            coalesce($4::timestamptz, clock_timestamp())
     from registry.accounts a
     where a.id = $1
       and not exists (select 1 from registry.agents g where g.owner = $1 and g.id <> $2::uuid)
     on conflict do nothing`,
    [due.developer, due.agent, due.amount, due.time],
  )

/** Agents of other hosts than the ones given: hosts are in did form. */
export const findForeignDid = async (on: Queryable, prefixes: readonly string[]) =>
  (
    await on.query<{ did: string }>(
      `select did from registry.agents a
       where not exists (select 1 from unnest($1::text[]) p where starts_with(a.did, p)) limit 1`,
      [prefixes],
    )
  )[0]
