/** Rules of keys: which scopes a key may be given, and how limits are kept. */
import { formatAmount, parseAmount } from '#core/base/amount.ts'
import { type Caller, coversScope, type KeyLimits, type Role } from '#core/base/caller.ts'
import type { LimitsOut, NewAgentKey } from './schema.ts'

/** Living keys that one account, or one agent, may hold. */
export const KEYS_MAX = 100
/** `last_used_at` is written at most this often. */
export const LAST_USED_SECONDS = 600

/** The first scope that a caller does not have itself and so can't pass on; undefined: all are covered. */
export function uncoveredScope(caller: Caller, wanted: readonly string[]): string | undefined {
  const own = caller.kind === 'developer' || caller.kind === 'agent' ? caller.scopes : []
  return wanted.find((scope) => !coversScope(own, scope))
}

/** Scopes without repetition and without what another one includes, in a stable order. */
export function tidyScopes(scopes: readonly string[]): string[] {
  if (scopes.includes('*')) return ['*']
  const kept = new Set(scopes)
  return [...kept]
    .filter((scope) => !scope.endsWith(':read') || !kept.has(scope.replace(/read$/, 'write')))
    .sort()
}

/** Limits as the database and replies have them: canonical amounts. Null when nothing is limited. */
export function writeLimits(limits: NewAgentKey['limits']): LimitsOut | null {
  if (!limits) return null
  const amount = (value: bigint | null | undefined) => (value == null ? null : formatAmount(value))
  const kept = {
    per_transfer: amount(limits.per_transfer),
    per_day: amount(limits.per_day),
    allowed_payees: limits.allowed_payees ?? null,
  }
  return Object.values(kept).every((value) => value === null) ? null : kept
}

/** Limits as a caller carries them: micro-AVT. */
export function readLimits(limits: LimitsOut | null): KeyLimits | null {
  if (!limits) return null
  const amount = (text: string | null) => (text === null ? null : parseAmount(text))
  return {
    perTransfer: amount(limits.per_transfer),
    perDay: amount(limits.per_day),
    allowedPayees: limits.allowed_payees,
  }
}

/** Roles of an operator's key that its account still has. */
export const livingRoles = (key: readonly string[], account: readonly string[]): Role[] =>
  key.filter((role): role is Role => account.includes(role))
