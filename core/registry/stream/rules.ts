/** Decides who may read an event, and what its document is. */
import { isDeepStrictEqual } from 'node:util'
import { type Caller, hasRole } from '#core/base/caller.ts'
import { withoutMasked } from '#core/base/emission-policy.ts'

/** What a caller may see beside public events. */
export interface Viewer {
  readonly all: boolean
  readonly account: string | null
  readonly agent: string | null
}

/** Who may read an event. */
export interface Visibility {
  /** Accounts; null: everybody. */
  readonly audience: readonly string[] | null
  /** Agents that are a party. */
  readonly parties: readonly string[] | null
}

/** Operators and auditors see all, developers what is theirs, agent keys what their agent is a party of. */
export function viewerOf(caller: Caller): Viewer {
  const all = hasRole(caller, 'operator') || hasRole(caller, 'auditor')
  return {
    all,
    account: caller.kind === 'developer' ? caller.account : null,
    agent: caller.kind === 'agent' ? caller.agent : null,
  }
}

/** True when the viewer may read the event. */
export function mayRead(viewer: Viewer, { audience, parties }: Visibility): boolean {
  if (viewer.all || audience === null) return true
  if (viewer.account !== null && audience.includes(viewer.account)) return true
  return viewer.agent !== null && parties?.includes(viewer.agent) === true
}

/** A fact as an outbox holds it. */
export interface Fact {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly time: Date
  readonly data: Record<string, unknown>
}

export const services = ['registry', 'teg'] as const
export type Service = (typeof services)[number]

/** A life of the journal: from one restore of its database to the next. */
export interface Life {
  readonly number: number
  /** Stands behind # in the sources; empty for the first life. */
  readonly label: string
  /** The services' counts when it began. */
  readonly registry_after: bigint
  readonly teg_after: bigint
  /** What makes a count a sourcesequence. */
  readonly registry_shift: bigint
  readonly teg_shift: bigint
}

/** The source of a service's events in a life. */
export const sourceOf = (registry: string, service: Service, life: Pick<Life, 'label'>): string =>
  `/registries/${registry}/${service}${life.label === '' ? '' : `#${life.label}`}`

/** The sourcesequence of a service's count in a life. */
export const sequenceIn = (life: Life, service: Service, count: bigint): bigint =>
  count + life[`${service}_shift`]

/** What the emission policies have made of a document. */
export interface PolicyMark {
  readonly version: number
  /** JSON pointers into data of what was taken out or hashed. */
  readonly redacted: readonly string[]
  readonly sampledRate: number | null
}

/** The exact text of an event's CloudEvents 1.0 document; equal facts give equal text. */
export function writeEnvelope(source: string, sequence: bigint, fact: Fact, policy: PolicyMark): string {
  return JSON.stringify({
    specversion: '1.0',
    id: fact.id,
    source,
    type: fact.type,
    subject: fact.subject,
    time: fact.time.toISOString(),
    datacontenttype: 'application/json',
    sourcesequence: String(sequence),
    policyversion: policy.version,
    ...(policy.redacted.length > 0 ? { redacted: policy.redacted.join(' ') } : {}),
    ...(policy.sampledRate === null ? {} : { sampledrate: policy.sampledRate }),
    data: fact.data,
  })
}

/** The document as readers get it: with its place in the EventStore's log once that is known. */
export const withLedgerIndex = (row: { envelope: string; ledgerindex: bigint | null }): string =>
  row.ledgerindex === null ? row.envelope : `${row.envelope.slice(0, -1)},"ledgerindex":${row.ledgerindex}}`

/**
 * True when a fact that comes again is the one that a document tells: same id, type, time and data. Members that the
 * data has gained since are no contradiction: a newer version of the service may tell more of the same fact. Nor is
 * what a policy has taken out.
 */
export function saysTheSame(envelope: string, fact: Omit<Fact, 'time'> & { readonly time: string }): boolean {
  const kept = JSON.parse(envelope) as Record<string, unknown> & { data: Record<string, unknown> }
  if (kept.id !== fact.id || kept.type !== fact.type) return false
  if (Date.parse(String(kept.time)) !== Date.parse(fact.time)) return false
  const masked = typeof kept.redacted === 'string' ? kept.redacted.split(' ') : []
  const told = withoutMasked(fact.data, masked)
  return Object.entries(withoutMasked(kept.data, masked)).every(([name, value]) =>
    isDeepStrictEqual(value, told[name]),
  )
}
