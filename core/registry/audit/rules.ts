/** Judges the TEG's books by the journal: pure, amounts in micro-AVT. */
import { formatAmount } from '#core/base/amount.ts'
import type { Books } from '#core/wire/audit.ts'
import type { Minting } from '#core/wire/teg.ts'

/** Sums over the journal, by name: `transfers_count`, `transfers_amount`, `treasury`, ...; `index`: how far it was read. */
export type Fold = Readonly<Record<string, bigint>>

export interface Check {
  readonly name: string
  /** What follows from the journal, or from the other side of the identity. */
  readonly expected: string
  readonly found: string
  readonly ok: boolean
}

/** Sums of one type of event over a part of the journal. */
export interface FoldPart {
  readonly type: string
  /** The last of them in the journal. */
  readonly last: bigint
  readonly count: bigint
  readonly amount: string | null
  readonly fee: string | null
  readonly treasury: string | null
}

const groups = {
  'transfer.completed': 'transfers',
  'genesis.granted': 'grants',
  'supply.minted': 'mints',
  'supply.burned': 'burns',
} as const
type Moving = keyof typeof groups
/** Events that change holds: what a token reserves, and what its end releases. */
const holds: Readonly<Record<string, bigint>> = {
  'payment.issued': 1n,
  'payment.redeemed': -1n,
  'payment.cancelled': -1n,
  'payment.expired': -1n,
}

const isMoving = (type: string): type is Moving => Object.hasOwn(groups, type)

/** Adds a part of the journal to its sums. Types that this fold does not understand are counted as `unknown`. */
export function addToFold(fold: Fold, parts: readonly FoldPart[]): Fold {
  const sums: Record<string, bigint> = { ...fold }
  for (const { count, last } of parts) {
    sums.events = (sums.events ?? 0n) + count
    if (last > (sums.index ?? 0n)) sums.index = last
  }
  const add = (name: string, value: bigint) => {
    sums[name] = (sums[name] ?? 0n) + value
  }
  for (const { type, count, amount, fee, treasury } of parts) {
    const moved = BigInt(amount ?? 0)
    if (isMoving(type)) {
      add(`${groups[type]}_count`, count)
      add(`${groups[type]}_amount`, moved)
      add(`${groups[type]}_fee`, BigInt(fee ?? 0))
      if (type === 'transfer.completed') add('treasury', BigInt(fee ?? 0))
      if (type === 'supply.minted') add('treasury', BigInt(treasury ?? 0))
      if (type === 'supply.burned') add('treasury', -BigInt(treasury ?? 0))
    } else if (Object.hasOwn(holds, type)) add('holds', moved * (holds[type] as bigint))
    else add('unknown', count)
  }
  return sums
}

/** The same sums as the TEG's history tells them. */
export function addHistory(sums: Fold, moved: Books['moved']): Fold {
  const next: Record<string, bigint> = { ...sums }
  for (const { type, count, amount, fee } of moved) {
    const name = groups[type]
    next[`${name}_count`] = (next[`${name}_count`] ?? 0n) + BigInt(count)
    next[`${name}_amount`] = (next[`${name}_amount`] ?? 0n) + micro(amount)
    next[`${name}_fee`] = (next[`${name}_fee`] ?? 0n) + micro(fee)
  }
  return next
}

/**
 * The checks: the supply's identity, the supply by the journal's sums, and the TEG's history by the journal, over the
 * part that this audit has gone through. What unknown events may have changed is not judged.
 */
export function judgeBooks(books: Books, fold: Fold, journal: Fold, history: Fold): Check[] {
  const { supply } = books
  const sum = (name: string) => fold[name] ?? 0n
  const issued = micro(supply.tokens_issued)
  const destroyed = micro(supply.tokens_destroyed)
  const transit = micro(supply.transit_net)
  const checks = [
    // Numbers are dense: as many events as numbers, none left out.
    counts('journal_events', BigInt(books.number), sum('events')),
    amounts('supply_identity', issued - destroyed + transit, micro(supply.tokens_circulating)),
    amounts('tokens_issued', sum('grants_amount') + sum('mints_amount'), issued),
    amounts('tokens_destroyed', sum('burns_amount'), destroyed),
  ]
  if (sum('unknown') === 0n) {
    checks.push(amounts('treasury', sum('treasury'), micro(books.treasury)))
    checks.push(amounts('holds', sum('holds'), micro(supply.holds)))
  }
  for (const name of Object.values(groups)) {
    const counted = `${name}_count`
    checks.push(counts(counted, journal[counted] ?? 0n, history[counted] ?? 0n))
    for (const what of ['amount', 'fee'])
      if (what === 'amount' || name === 'transfers')
        checks.push(
          amounts(`${name}_${what}`, journal[`${name}_${what}`] ?? 0n, history[`${name}_${what}`] ?? 0n),
        )
  }
  return checks
}

/**
 * The fault of a TEG whose registry is part of a federation; null: none. What it has minted would be worth in every registry
 * of the federation what theirs is, and nobody there has agreed to it.
 */
export function judgeMinting({ authority, ever_minted }: Minting): 'has minted' | 'may mint' | null {
  if (ever_minted) return 'has minted'
  return authority ? 'may mint' : null
}

const counts = (name: string, expected: bigint, found: bigint): Check => ({
  name,
  expected: String(expected),
  found: String(found),
  ok: expected === found,
})

const amounts = (name: string, expected: bigint, found: bigint): Check => ({
  name,
  expected: formatAmount(expected),
  found: formatAmount(found),
  ok: expected === found,
})

/** Sums may be negative (a transit) and longer than any single amount. */
function micro(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(6, '0'))
}

export const storeFold = (fold: Fold): Record<string, string> =>
  Object.fromEntries(Object.entries(fold).map(([name, value]) => [name, String(value)]))
export const loadFold = (stored: Readonly<Record<string, string>>): Fold =>
  Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, BigInt(value)]))
