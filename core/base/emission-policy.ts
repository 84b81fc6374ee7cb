/** What emission policies do to an event: where it goes, what of it is told. Deterministic, so that a retry agrees. */
import { createHash, createHmac } from 'node:crypto'
import { isPattern, matchesPattern } from '#core/base/pattern.ts'

export const targetBits = { ledger: 1, webhook: 2, live: 4 } as const
export type Target = keyof typeof targetBits
export const EVERYWHERE = 7

interface Common {
  /** The lowest comes first; unique in a set. */
  readonly priority: number
  /** Pattern of event types. */
  readonly types: string
}
/** Decides for some targets: the first policy that matches a type and names the target. */
export interface RoutePolicy extends Common {
  readonly action: 'emit' | 'drop' | 'sample'
  readonly targets: readonly Target[]
  /** With `sample`: one of so many events goes on, chosen by its id. */
  readonly one_in?: number | undefined
}
/** Changes the document, for every target: its bytes are fixed once. All that match apply. */
export interface MaskPolicy extends Common {
  readonly action: 'redact' | 'hash'
  /** JSON pointers into `data`. */
  readonly pointers: readonly string[]
}
export type Policy = RoutePolicy | MaskPolicy

const isMask = (policy: Policy): policy is MaskPolicy =>
  policy.action === 'redact' || policy.action === 'hash'

/** Set by set: what is in force. */
export interface PolicySet {
  readonly version: bigint
  readonly policies: readonly Policy[]
}
export const noPolicies: PolicySet = { version: 0n, policies: [] }

/** Facts that everybody must be able to count on: emitted whole and everywhere, whatever a policy says. */
export const FLOOR = [
  'supply.>',
  'genesis.granted',
  'transfer.>',
  'payment.>',
  'crossing.>',
  'account.changed',
  'settings.>',
  'policy.>',
  'source.>',
] as const
/** What of a floor event may be hashed: people write in it. */
const HASHABLE_ON_FLOOR = ['/memo', '/transfer/memo']

export const isFloor = (type: string): boolean => FLOOR.some((pattern) => matchesPattern(pattern, type))

export interface Fault {
  readonly pointer: string
  readonly detail: string
}

/**
 * Faults of a set beyond its shape: priorities that clash, types that nothing has, a policy that could only touch the
 * floor. A wider pattern is fine: the floor is simply left out of it.
 * @param types the types of events that exist
 */
export function judgePolicies(policies: readonly Policy[], types: readonly string[]): Fault[] {
  const faults: Fault[] = []
  const seen = new Set<number>()
  for (const [at, policy] of policies.entries()) {
    if (seen.has(policy.priority))
      faults.push({ pointer: `/policies/${at}/priority`, detail: `${policy.priority} is there already` })
    seen.add(policy.priority)
    const hit = isPattern(policy.types) ? types.filter((type) => matchesPattern(policy.types, type)) : []
    const touchesFloor = isFloor(policy.types) || (hit.length > 0 && hit.every(isFloor))
    if (!touchesFloor || policy.action === 'emit') continue
    const mayHash =
      policy.action === 'hash' && policy.pointers.every((pointer) => HASHABLE_ON_FLOOR.includes(pointer))
    if (!mayHash)
      faults.push({
        pointer: `/policies/${at}/types`,
        detail: `${policy.types} is on the floor: such events are always emitted whole; only their memo may be hashed`,
      })
  }
  return faults
}

export interface Told {
  readonly data: Record<string, unknown>
  /** Sum of targetBits. */
  readonly targets: number
  /** Pointers of what was taken out or hashed; empty when nothing was. */
  readonly redacted: readonly string[]
  /** One of so many of its kind goes to the targets that sample; null where none does. */
  readonly sampledRate: number | null
}

/** Applies a set to a fact. `salt` is that of the fact's row: without it nobody can try values against a hash. */
export function applyPolicies(
  policies: readonly Policy[],
  fact: { readonly id: string; readonly type: string; readonly data: Record<string, unknown> },
  salt: Uint8Array,
): Told {
  const matching = policies
    .filter((policy) => matchesPattern(policy.types, fact.type))
    .sort((a, b) => a.priority - b.priority)
  if (matching.length === 0) return { data: fact.data, targets: EVERYWHERE, redacted: [], sampledRate: null }
  const floor = isFloor(fact.type)
  const masks = matching.filter(isMask)
  const { data, redacted } = mask(masks, fact.data, salt, floor)
  if (floor) return { data, targets: EVERYWHERE, redacted, sampledRate: null }
  const routes = matching.filter((policy) => !isMask(policy)) as RoutePolicy[]
  return { data, redacted, ...route(routes, fact.id) }
}

function route(
  policies: readonly RoutePolicy[],
  id: string,
): { targets: number; sampledRate: number | null } {
  let targets = 0
  let sampledRate: number | null = null
  for (const [target, bit] of Object.entries(targetBits) as [Target, number][]) {
    const policy = policies.find((one) => one.targets.includes(target))
    if (policy?.action === 'drop') continue
    if (policy?.action === 'sample') {
      const rate = policy.one_in ?? 1
      sampledRate = Math.max(sampledRate ?? 1, rate)
      if (!isChosen(id, rate)) continue
    }
    targets |= bit
  }
  return { targets, sampledRate }
}

/** By the hash of the id: the same for every attempt and every target. */
function isChosen(id: string, oneIn: number): boolean {
  return createHash('sha256').update(id).digest().readUInt32BE(0) % oneIn === 0
}

function mask(
  policies: readonly MaskPolicy[],
  data: Record<string, unknown>,
  salt: Uint8Array,
  floor: boolean,
): { data: Record<string, unknown>; redacted: string[] } {
  const redacted: string[] = []
  let masked = data
  for (const { action, pointers } of policies) {
    for (const pointer of pointers) {
      if (floor && !(action === 'hash' && HASHABLE_ON_FLOOR.includes(pointer))) continue
      if (redacted.includes(pointer)) continue
      const replace = action === 'redact' ? () => undefined : (value: unknown) => hashOf(salt, value)
      const next = replaceAt(masked, readPointer(pointer), replace)
      if (next === masked) continue
      masked = next as Record<string, unknown>
      redacted.push(pointer)
    }
  }
  return { data: masked, redacted }
}

const hashOf = (salt: Uint8Array, value: unknown): string =>
  `hmac-sha-256:${createHmac('sha256', salt).update(JSON.stringify(value)).digest('hex')}`

const readPointer = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/** A copy with one value replaced (undefined: left out); the value itself where the path leads nowhere or to null. */
function replaceAt(value: unknown, path: readonly string[], replace: (value: unknown) => unknown): unknown {
  const [name, ...rest] = path
  if (typeof value !== 'object' || value === null || name === undefined || !Object.hasOwn(value, name))
    return value
  const held = (value as Record<string, unknown>)[name]
  if (held === null || held === undefined) return value
  const next = rest.length === 0 ? replace(held) : replaceAt(held, rest, replace)
  if (next === held) return value
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === name ? (next ?? null) : item))
  const { [name]: _gone, ...others } = value as Record<string, unknown>
  if (next === undefined) return others
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === name ? next : item]))
}

/** The data without what a mask has touched: what is left must say the same whenever the fact comes again. */
export function withoutMasked(
  data: Record<string, unknown>,
  pointers: readonly string[],
): Record<string, unknown> {
  return pointers.reduce(
    (left, pointer) => replaceAt(left, readPointer(pointer), () => undefined) as Record<string, unknown>,
    data,
  )
}
