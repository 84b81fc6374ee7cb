/** The rules of transfers on the registry's side: hashes, quotes, who may act, who may see. Pure. */
import { hash } from 'node:crypto'
import { AMOUNT_MAX, feeOf, formatAmount, formatRate, TRANSFER_MIN } from '#core/base/amount.ts'
import { type Caller, hasRole } from '#core/base/caller.ts'
import type { Command } from '#core/wire/teg.ts'

export type AgentStatus = 'active' | 'deprecated' | 'suspended' | 'retired'

/** An agent as transfers need it. Everything but `opened` never changes. */
export interface KnownAgent {
  readonly id: string
  readonly did: string
  readonly owner: string
}

/** How long a quote binds. */
export const QUOTE_MS = 15 * 60 * 1000

/**
 * A digest of the operation and its fields as the caller named them; amounts canonical, absent fields null. What is hashed is
 * canonical JSON (RFC 8785): names in order, and of texts and nulls what JSON.stringify makes.
 */
export function hashCommand(op: string, fields: Record<string, string | null>): string {
  const all: Record<string, string | null> = { op, ...fields }
  const members = Object.keys(all)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(all[name])}`)
  return hash('sha256', `{${members.join(',')}}`, 'hex')
}

/** What a quote binds. */
export interface QuoteTerms {
  readonly from: { id: string; did: string }
  readonly to: { id: string; did: string }
  readonly amount: string
  readonly fee_snapshot: string
  readonly valid_until: string
}

/** The terms in a quote's signed payload; null when it is no quote. */
export function readTerms(payload: Uint8Array): QuoteTerms | null {
  const terms = JSON.parse(Buffer.from(payload).toString('utf8')) as QuoteTerms & { kind?: string }
  return terms.kind === 'transfer' ? terms : null
}

/** The signed payload of a quote. */
export const writeTerms = (terms: QuoteTerms): Uint8Array =>
  Buffer.from(JSON.stringify({ kind: 'transfer', ...terms }))

/** What the gate is told of a quote: whether it was given for this transfer, its fee snapshot and its end. */
export function judgeQuote(
  terms: QuoteTerms | null,
  asked: { from: string; to: string; amount: bigint },
): { matches: boolean; fee_snapshot: string | null; valid_until: string | null } {
  const matches =
    terms !== null &&
    names(terms.from, asked.from) &&
    names(terms.to, asked.to) &&
    terms.amount === formatAmount(asked.amount)
  return matches
    ? { matches, fee_snapshot: terms.fee_snapshot, valid_until: terms.valid_until }
    : { matches: false, fee_snapshot: null, valid_until: null }
}

const names = (agent: { id: string; did: string }, ref: string) => agent.id === ref || agent.did === ref

/** The price of a transfer: fee rounded up, at least one micro-AVT, taken out of the amount. */
export function priceOf(amount: bigint, ratePpm: bigint): { fee: string; net: string; fee_rate: string } {
  const fee = feeOf(amount, ratePpm)
  return { fee: formatAmount(fee), net: formatAmount(amount - fee), fee_rate: formatRate(ratePpm) }
}

export const inRange = (amount: bigint): boolean => amount >= TRANSFER_MIN && amount <= AMOUNT_MAX

/** True for agents that pay and are paid: the others' accounts are frozen or closed. */
export const isOpenStatus = (status: AgentStatus): boolean => status === 'active' || status === 'deprecated'

/** True when the caller may move the agent's AVT: its owner, or the agent itself (a key stands for one agent only). */
export function mayActFor(caller: Caller, agent: KnownAgent): boolean {
  if (caller.kind === 'developer') return caller.account === agent.owner
  return caller.kind === 'agent' && caller.agent === agent.id
}

/** True when the caller sees every transfer. */
export const seesAll = (caller: Caller): boolean => hasRole(caller, 'operator') || hasRole(caller, 'auditor')

/** The limits of an agent's key as the gate takes them; nobody else has any. */
export function limitsOf(caller: Caller): Extract<Command, { op: 'transfer' }>['limits'] {
  if (caller.kind !== 'agent' || caller.limits === null) return null
  const { perTransfer, perDay, allowedPayees } = caller.limits
  return {
    key_id: caller.key,
    per_transfer: perTransfer === null ? null : formatAmount(perTransfer),
    per_day: perDay === null ? null : formatAmount(perDay),
    allowed_payees: allowedPayees === null ? null : [...allowedPayees],
  }
}

/** The host part of a did:web (port as %3A); null for an id. */
export function hostOfDid(ref: string): string | null {
  return /^did:web:([^:]+)/.exec(ref)?.[1]?.toLowerCase() ?? null
}

/** The did:web host of a public URL. */
export const didHostOf = (url: string): string => new URL(url).host.toLowerCase().replace(':', '%3a')
