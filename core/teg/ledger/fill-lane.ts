/** What a lane takes from the queue: its share, and none that would wait for another lane's locks if it can be helped. */
import { type CallsOfBatch, COMMANDS_MAX, type Outcome } from '#core/wire/teg.ts'
import type { ParsedCommand } from './encode-commands.ts'
import type { PlainTransfer } from './encode-transfers.ts'

/** Commands of one caller. */
export interface Waiting {
  readonly commands: readonly ParsedCommand[]
  /** All of them are plain transfers. */
  readonly plain: boolean
  /** How often a lane has left them for later. */
  passed: number
  readonly signal: AbortSignal | undefined
  /** The requests that they came with. */
  readonly calls: CallsOfBatch | undefined
  readonly resolve: (outcomes: Outcome[]) => void
  readonly reject: (error: unknown) => void
}

/** Nobody is left for later more often. */
const PASSED_MAX = 2

/**
 * Takes entries from the queue, up to a share of commands. Two batches that touch one account run one after the other, and
 * of two batches of 128 among 100,000 accounts every second pair does: entries that would wait for `held` are left to the
 * next batch, unless hardly any would remain.
 */
export function takeShare(
  queue: Waiting[],
  share: number,
  held: ReadonlySet<ReadonlySet<string>>,
): Waiting[] {
  const taken: Waiting[] = []
  const later: Waiting[] = []
  let size = 0
  let looked = 0
  for (const entry of queue) {
    const next = entry.commands.length
    if (taken.length > 0 && (size >= share || size + next > COMMANDS_MAX)) break
    looked++
    if (wouldWait(entry, held)) {
      later.push(entry)
      continue
    }
    taken.push(entry)
    size += next
  }
  if (later.length > taken.length) return queue.splice(0, countOf(queue, share))
  for (const entry of later) entry.passed++
  queue.splice(0, looked, ...later)
  return taken
}

function wouldWait(entry: Waiting, held: ReadonlySet<ReadonlySet<string>>): boolean {
  if (held.size === 0 || !entry.plain || entry.passed >= PASSED_MAX) return false
  for (const accounts of held)
    for (const { from_agent, to_agent } of entry.commands as PlainTransfer[])
      if (accounts.has(from_agent) || accounts.has(to_agent)) return true
  return false
}

function countOf(queue: readonly Waiting[], share: number): number {
  let size = 0
  let count = 0
  for (const { commands } of queue) {
    if (count > 0 && (size >= share || size + commands.length > COMMANDS_MAX)) break
    size += commands.length
    count++
  }
  return count
}

/** The accounts that plain entries will lock. */
export function accountsOf(entries: readonly Waiting[]): Set<string> {
  const accounts = new Set<string>()
  for (const { plain, commands } of entries)
    if (plain)
      for (const { from_agent, to_agent } of commands as PlainTransfer[])
        accounts.add(from_agent).add(to_agent)
  return accounts
}

/** The request that a command came with, among what a lane has taken. */
export function findCall(taken: readonly Waiting[], command: ParsedCommand): string | undefined {
  const entry = taken.find(({ commands }) => commands.includes(command))
  const place = entry?.commands.indexOf(command) ?? 0
  let end = 0
  return entry?.calls?.find(([, count]) => {
    end += count
    return place < end
  })?.[0]
}
