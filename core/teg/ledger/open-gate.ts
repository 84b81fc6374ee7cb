/** The gate's lanes: a lane takes all that is queued when it becomes free and runs it as one batch; no timer. */
import type { Database } from '#core/platform/database/database.ts'
import { lostConnection, violates } from '#core/platform/database/database.ts'
import type { Log } from '#core/platform/log.ts'
import { type CallsOfBatch, COMMANDS_MAX, isLinked, type Outcome } from '#core/wire/teg.ts'
import { makeShortWay, type ShortWay } from './apply-transfers.ts'
import { buildOutcomes, tokensOf } from './build-outcomes.ts'
import { type DigestKey, digestKeyOf, OTHER_DIGESTS } from './digest-key.ts'
import { encodeCommands, type ParsedCommand } from './encode-commands.ts'
import { isPlain, type PlainTransfer } from './encode-transfers.ts'
import { fail } from './errors.ts'
import { accountsOf, findCall, takeShare, type Waiting } from './fill-lane.ts'
import { applyCommands, readKeysByTime, readOutcomes } from './queries.ts'
import { readDueTokensOf, readTokens } from './token-queries.ts'

/** Commands that may wait; beyond it nothing more is taken. */
export const QUEUED_MAX = 20_000
const LANES_ON_SERVER = 2
/** A batch is not divided below this: the cost of a call would outweigh what working side by side gains. */
const SHARE_MIN = 64
/** Tries of one batch after a deadlock, a rival's key or a lost connection: the keys make a repeat safe. */
const TRIES_MAX = 4
/** The gate's word for a payer of whom more holds are due, and needed, than one batch has numbers for. */
const TOO_MANY_DUE = 'NF003'
/** Batches of holds that are voided ahead of one that needs them; what they have voided helps the next try. */
const VOIDS_MAX = 20

export interface Gate {
  /**
   * Runs commands in order, in one batch together with what else is queued. What has not begun when the signal aborts is
   * not begun.
   * `calls` are the requests that they came with: the log names the one whose command could not be run.
   * @throws 503 overloaded when the queue is full, 503 ledger_unavailable when the database is away
   */
  post(commands: readonly ParsedCommand[], signal?: AbortSignal, calls?: CallsOfBatch): Promise<Outcome[]>
  /** Commands that wait. */
  queued(): number
}

export interface GateOptions {
  /** Not bound to a call: a caller that goes away does not cancel a batch. */
  readonly db: Database
  readonly clock: { readonly fixed: Date | null }
  readonly newId: () => string
  readonly log: Log
  /** The configuration gives this TEG minting authority; the database must say so too. */
  readonly minting?: boolean
  readonly lanes?: number
  readonly queuedMax?: number
  /** False: plain transfers, too, take the long way (tests, which compare the two). */
  readonly short?: boolean
}

/** A gate at work. */
interface Inside extends GateOptions {
  readonly shortWay: ShortWay
  /** Of this ledger; known once it has been asked. */
  digestKey?: DigestKey | undefined
}

/** Opens the gate of a process. */
export function openGate(options: GateOptions): Gate {
  const lanes = options.lanes ?? (options.db.kind === 'pg' ? LANES_ON_SERVER : 1)
  const queuedMax = options.queuedMax ?? QUEUED_MAX
  const queue: Waiting[] = []
  const inside: Inside = { ...options, shortWay: makeShortWay() }
  let queued = 0
  let busy = 0
  /** Accounts that the lanes' batches hold at this moment. */
  const held = new Set<ReadonlySet<string>>()

  const take = (share: number): Waiting[] => {
    const taken = takeShare(queue, share, held)
    for (const { commands } of taken) queued -= commands.length
    return taken.filter((entry) => {
      if (!entry.signal?.aborted) return true
      entry.reject(entry.signal.reason)
      return false
    })
  }
  const run = async () => {
    busy++
    // What arrives in the same turn of the event loop travels together: sockets are read before this goes on.
    await new Promise((next) => setImmediate(next))
    while (queue.length > 0) {
      const batch = take(shareOf(queued, lanes - held.size))
      if (queue.length > 0 && busy < lanes) void run()
      if (batch.length === 0) continue
      const accounts = accountsOf(batch)
      held.add(accounts)
      await runBatch(inside, batch)
      held.delete(accounts)
    }
    busy--
  }
  return {
    queued: () => queued,
    async post(commands, signal, calls) {
      if (isLinked(commands.at(-1))) throw new Error('The last command of a call is linked to nothing')
      if (queued + commands.length > queuedMax)
        throw fail('overloaded', `${queued} commands are waiting; nothing was done.`, {
          headers: { 'retry-after': '1' },
        })
      queued += commands.length
      return new Promise((resolve, reject) => {
        queue.push({ commands, plain: commands.every(isPlain), passed: 0, signal, calls, resolve, reject })
        if (busy < lanes) void run()
      })
    },
  }
}

/**
 * What a lane takes: all, or its part where others are free. Callers that were answered together come again together; a
 * lane that took them all would leave the others idle for ever, and Node while the database works.
 */
const shareOf = (queued: number, free: number): number =>
  free > 1 ? Math.max(SHARE_MIN, Math.ceil(queued / free)) : COMMANDS_MAX

/** Runs what a lane has taken: the plain transfers by themselves, so that one of another kind does not slow them down. */
async function runBatch(inside: Inside, waiting: readonly Waiting[]): Promise<void> {
  const plain = waiting.filter((entry) => entry.plain)
  const others = waiting.filter((entry) => !entry.plain)
  if (others.length > 0) await runEntries(inside, others)
  if (plain.length > 0) await runEntries(inside, plain)
}

async function runEntries(inside: Inside, waiting: readonly Waiting[]): Promise<void> {
  try {
    const commands = waiting.flatMap((entry) => entry.commands)
    const outcomes = await applyOrHalve(inside, commands, waiting)
    let at = 0
    for (const { commands, resolve } of waiting) {
      resolve(outcomes.slice(at, at + commands.length))
      at += commands.length
    }
  } catch (error) {
    for (const { reject } of waiting) reject(error)
  }
}

/** Runs a batch; one that the database refuses is halved until the command at fault stands alone. */
async function applyOrHalve(
  options: Inside,
  commands: readonly ParsedCommand[],
  waiting: readonly Waiting[],
): Promise<Outcome[]> {
  try {
    return await applyWithRetries(options, commands)
  } catch (error) {
    if (!isOfTheCommands(error))
      throw fail('ledger_unavailable', undefined, { cause: error, headers: { 'retry-after': '1' } })
    const middle = findMiddle(commands)
    if (middle === 0) {
      const request_id = findCall(waiting, commands[0] as ParsedCommand)
      options.log.error({ error, ...(request_id && { request_id }) }, 'the gate could not run a command')
      return commands.map(() => failed)
    }
    const first = await applyOrHalve(options, commands.slice(0, middle), waiting)
    return [...first, ...(await applyOrHalve(options, commands.slice(middle), waiting))]
  }
}

const failed: Outcome = {
  ok: false,
  replayed: false,
  transfer: null,
  error: {
    code: 'internal_error',
    detail: 'The TEG could not run this command; the failure has been logged.',
  },
}

/** Where a batch can be cut: the place nearest to its half that no linked group spans; 0: nowhere. */
function findMiddle(commands: readonly ParsedCommand[]): number {
  const half = commands.length >> 1
  for (let off = 0; off <= half; off++)
    for (const at of [half - off, half + off])
      if (at > 0 && at < commands.length && !isLinked(commands[at - 1] as ParsedCommand)) return at
  return 0
}

async function applyWithRetries(options: Inside, commands: readonly ParsedCommand[]): Promise<Outcome[]> {
  let voided = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await apply(options, commands)
    } catch (error) {
      const { code, detail } = (error ?? {}) as { code?: unknown; detail?: unknown }
      if (code === TOO_MANY_DUE && typeof detail === 'string' && voided++ < VOIDS_MAX) {
        await voidDue(options, detail)
        attempt--
        continue
      }
      if (attempt >= TRIES_MAX || !isPassing(error)) throw error
      if ((error as { code?: string }).code === OTHER_DIGESTS) options.digestKey = undefined
    }
  }
}

/** Voids holds of a payer that are due: one batch, as the expiry task sends them. */
async function voidDue(options: Inside, payer: string): Promise<void> {
  const due = await readDueTokensOf(options.db, payer, COMMANDS_MAX, options.clock.fixed)
  if (due.length === 0) return
  await applyWithRetries(
    options,
    due.map((token) => ({ op: 'expire_token', ...token, fence: null })),
  )
}

/** Failures that some command's values can cause; all else (disk full, read-only, shutting down) would hit every half. */
function isOfTheCommands(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  if (lostConnection(error)) return false
  return typeof code !== 'string' || code === TOO_MANY_DUE || /^(0A|2[12]|23|54|P0|XX)/.test(code)
}

/** Failures that a repeat of the same batch gets over. */
function isPassing(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code ?? ''
  return (
    code === '40P01' ||
    code === '40001' ||
    code === OTHER_DIGESTS ||
    violates(error, 'moves_idem') ||
    violates(error, 'grants_pkey') ||
    lostConnection(error)
  )
}

async function apply(options: Inside, commands: readonly ParsedCommand[]): Promise<Outcome[]> {
  options.digestKey ??= digestKeyOf(await readKeysByTime(options.db))
  const { digestKey } = options
  if (options.short !== false && commands.every(isPlain)) {
    const outcomes = await options.shortWay(
      options.db,
      options.clock.fixed,
      commands as PlainTransfer[],
      digestKey,
    )
    if (outcomes) return outcomes
  }
  const batch = encodeCommands(commands, options.newId, digestKey)
  const rows = await applyCommands(
    options.db,
    options.clock.fixed,
    digestKey.byTime,
    options.minting ?? false,
    batch,
  )
  const seqs = rows.filter((row) => row.o_state === 3).map((row) => row.o_prior as bigint)
  const priors = new Map(
    (seqs.length > 0 ? await readOutcomes(options.db, seqs) : []).map((row) => [row.seq, row]),
  )
  const wanted = tokensOf(commands, rows, priors)
  const tokens = wanted.length > 0 ? await readTokens(options.db, wanted) : []
  return buildOutcomes(commands, batch, rows, { priors, tokens: new Map(tokens.map((row) => [row.id, row])) })
}
