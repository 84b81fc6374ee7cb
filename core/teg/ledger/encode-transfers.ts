/** Turns plain transfers into the arrays of the gate's short way. */
import type { DigestKey } from './digest-key.ts'
import { hashOf, type ParsedCommand } from './encode-commands.ts'
import { type Foresight, foreseeTransfers, type KnownRate } from './foresee-transfers.ts'

/** A transfer between agents named by id and nothing beside it: no quote, no limits, no link. */
export type PlainTransfer = Extract<ParsedCommand, { op: 'transfer' }>

export const isPlain = (command: ParsedCommand): command is PlainTransfer =>
  command.op === 'transfer' &&
  command.quote === null &&
  command.limits === null &&
  command.linked !== true &&
  // What is no UUID is a did.
  command.to_agent.charCodeAt(3) !== COLON
const COLON = 58

/** What plain.sql is given. */
export interface PlainBatch {
  readonly accounts: readonly string[]
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly amount: readonly bigint[]
  readonly idem: readonly string[]
  readonly hash: readonly bigint[]
  /** Empty: none has one. */
  readonly memo: readonly (string | null)[]
  readonly reference: readonly (string | null)[]
  /** What the accounts gain, and the rate by which that was foreseen; null: nothing is foreseen. */
  readonly foresight: Foresight | null
  readonly rate: KnownRate | null
}

/** Encodes a batch; null when two of them have the same key. */
export function encodeTransfers(
  commands: readonly PlainTransfer[],
  digestKey: DigestKey,
  rate: KnownRate | undefined,
): PlainBatch | null {
  const names = new Set<string>()
  for (const { from_agent, to_agent } of commands) names.add(from_agent).add(to_agent)
  const accounts = [...names].sort()
  const places = new Map<string, number>()
  for (const name of accounts) places.set(name, places.size + 1)
  const idem = commands.map(({ from_agent, key }) => digestKey(from_agent, key))
  if (new Set(idem).size < idem.length) return null
  const from = commands.map(({ from_agent }) => places.get(from_agent) as number)
  const to = commands.map(({ to_agent }) => places.get(to_agent) as number)
  const amount = commands.map((command) => command.amount)
  const foresight = rate ? foreseeTransfers(accounts.length, from, to, amount, rate.ppm) : null
  return {
    accounts,
    from,
    to,
    amount,
    foresight,
    rate: foresight && (rate as KnownRate),
    idem,
    hash: commands.map((command) => hashOf(command.hash)),
    memo: commands.some(({ memo }) => memo !== null) ? commands.map(({ memo }) => memo) : [],
    reference: commands.some(({ reference }) => reference !== null)
      ? commands.map(({ reference }) => reference)
      : [],
  }
}
