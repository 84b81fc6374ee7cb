/** The sequencer: takes all that is queued when it becomes free and appends it as one group; correct beside others. */
import { formatCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { sameBytes } from '#core/base/tlog/merkle.ts'
import type { Signer } from '#core/base/tlog/note.ts'
import type { Database } from '#core/platform/database/database.ts'
import type { Log } from '#core/platform/log.ts'
import { fail } from './errors.ts'
import { growTree, treeRoot } from './grow-tree.ts'
import { loadPicture, type Picture } from './load-tree.ts'
import { type Known, type Plan, planGroup, type Submission, type Verdict } from './plan-group.ts'
import { appendGroup, findNumbered, findSources, type Group, insertSources } from './queries.ts'

/** Events that may wait; beyond it nothing more is taken. */
export const QUEUED_MAX = 20_000
/** Events and bytes of one group; a larger request travels alone. */
const GROUP_EVENTS_MAX = 2000
const GROUP_BYTES_MAX = 8 * 1024 * 1024
/** Tries of one group while other processes move the head or connections break: the numbers make a repeat safe. */
const TRIES_MAX = 50

export interface Outcome {
  readonly verdict: Exclude<Verdict, { kind: 'deferred' }>
  /** The signed note that covers everything taken. */
  readonly checkpoint: string
}

export interface Sequencer {
  /**
   * Appends the events of one request, all or none, together with what else is queued.
   * @throws 503 log_unavailable: it is not known whether they were appended, and a repeat tells
   */
  append(events: readonly Submission[]): Promise<Outcome>
  /** Events that wait. */
  queued(): number
}

export interface SequencerOptions {
  /** Not bound to a call: a caller that goes away does not cancel a group. */
  readonly db: Database
  readonly clock: { readonly fixed: Date | null }
  readonly origin: string
  readonly signer: Signer
  readonly log: Log
  /** Told the size after each growth, when it is committed. */
  readonly onGrowth?: (size: number) => void
}

interface Waiting {
  readonly events: readonly Submission[]
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Opens it. It holds no lock: each group is written only if the head still is what the group was made for. */
export function openSequencer(options: SequencerOptions): Sequencer {
  const queue: Waiting[] = []
  let queued = 0
  let busy = false
  let held: Picture | null = null

  const take = (): Waiting[] => {
    let [events, bytes, count] = [0, 0, 0]
    while (count < queue.length) {
      const next = (queue[count] as Waiting).events
      bytes += next.reduce((sum, { salted }) => sum + salted.length, 0)
      if (count > 0 && (events + next.length > GROUP_EVENTS_MAX || bytes > GROUP_BYTES_MAX)) break
      events += next.length
      count++
    }
    queued -= events
    return queue.splice(0, count)
  }

  /** One try; false: the picture was out of date. */
  const attempt = async (group: Waiting[]): Promise<boolean> => {
    const picture = held ?? (await loadPicture(options.db))
    held = null
    if (!(await learnSources(options.db, picture, group))) return false
    const plan = await planOn(options.db, picture, group)
    if (plan.fresh.length > 0 && !(await write(options, picture, plan))) return false
    held = picture
    settle(group, plan, picture.checkpoint)
    return true
  }
  const settle = (group: Waiting[], plan: Plan, checkpoint: string) => {
    const again: Waiting[] = []
    for (const [i, waiting] of group.entries()) {
      const verdict = plan.verdicts[i] as Verdict
      if (verdict.kind === 'deferred') again.push(waiting)
      else waiting.resolve({ verdict, checkpoint })
    }
    queued += again.reduce((sum, { events }) => sum + events.length, 0)
    queue.unshift(...again)
  }
  const runGroup = async (group: Waiting[]): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        if (await attempt(group)) return
        if (tries >= TRIES_MAX) throw new Error('other processes move the head all the time')
      } catch (error) {
        held = null
        if (tries < 3) continue
        options.log.error({ error, count: group.length }, 'a group could not be appended')
        const problem = fail('log_unavailable', undefined, { cause: error, headers: { 'retry-after': '1' } })
        for (const { reject } of group) reject(problem)
        return
      }
    }
  }
  const run = async () => {
    busy = true
    // Callers that were answered together come back together: who is about to ask again travels with the next group, or
    // each commit would carry a few and the rest would wait for the one after it.
    do {
      await nextTurn()
      if (queue.length > 0) await runGroup(take())
    } while (queue.length > 0)
    busy = false
  }
  return {
    queued: () => queued,
    append(events) {
      if (queued + events.length > QUEUED_MAX)
        throw fail('log_unavailable', `${queued} events are waiting; nothing was done.`, {
          headers: { 'retry-after': '1' },
        })
      queued += events.length
      return new Promise((resolve, reject) => {
        queue.push({ events, resolve, reject })
        if (!busy) void run()
      })
    },
  }
}

/** Adds the sources of a group to the picture. @returns false when the head has moved since the picture was made */
async function learnSources(db: Database, picture: Picture, group: readonly Waiting[]): Promise<boolean> {
  const names = new Set(group.flatMap(({ events }) => events.map(({ source }) => source)))
  const unknown = [...names].filter((name) => !picture.sources.has(name))
  if (unknown.length === 0) return true
  let rows = await findSources(db, unknown)
  const missing = unknown.filter((name) => !rows.some(({ source }) => source === name))
  if (missing.length > 0) {
    await insertSources(db, missing)
    rows = await findSources(db, unknown)
  }
  const head = rows[0]
  if (!head || Number(head.size) !== picture.tree.edge.size || !sameBytes(head.root, picture.root))
    return false
  for (const { id, source, last_sequence } of rows)
    if (id !== null && source !== null) picture.sources.set(source, { id, last: last_sequence ?? 0n })
  return true
}

async function planOn(db: Database, picture: Picture, group: readonly Waiting[]): Promise<Plan> {
  const requests = group.map(({ events }) => events)
  const standingOf = (source: string) => picture.sources.get(source) as { id: number; last: bigint }
  const repeats = requests.flat().filter(({ source, sequence }) => sequence <= standingOf(source).last)
  const rows =
    repeats.length === 0
      ? []
      : await findNumbered(
          db,
          repeats.map(({ source }) => standingOf(source).id),
          repeats.map(({ sequence }) => sequence),
        )
  const known = new Map(
    rows.map((row): [string, Known] => [
      `${row.source} ${row.sequence}`,
      { index: Number(row.index), entry: row.entry },
    ]),
  )
  return planGroup(
    {
      size: picture.tree.edge.size,
      last: (source) => standingOf(source).last,
      known: (source, sequence) => known.get(`${standingOf(source).id} ${sequence}`),
    },
    requests,
  )
}

/** Grows the picture and writes the group. @returns false when the head has moved; the picture is then void */
async function write(options: SequencerOptions, picture: Picture, plan: Plan): Promise<boolean> {
  const { tree } = picture
  const before = { size: tree.edge.size, root: picture.root }
  const tiles = growTree(
    tree,
    plan.fresh.map(({ leaf }) => leaf),
  )
  const root = treeRoot(tree)
  const text = formatCheckpoint({ origin: options.origin, size: tree.edge.size, root })
  const checkpoint = `${text}\n${options.signer.sign(text)}`
  const idOf = (source: string) => (picture.sources.get(source) as { id: number }).id
  const group: Group = {
    before,
    after: { size: tree.edge.size, root, checkpoint },
    sources: plan.fresh.map(({ source }) => idOf(source)),
    sequences: plan.fresh.map(({ sequence }) => sequence),
    types: plan.fresh.map(({ type }) => type),
    entries: Buffer.concat(plan.fresh.map(({ entry }) => entry)),
    entryEnds: endsOf(plan.fresh.map(({ entry }) => entry.length)),
    salted: Buffer.concat(plan.fresh.map(({ salted }) => salted)),
    saltedEnds: endsOf(plan.fresh.map(({ salted }) => salted.length)),
    moved: { sources: [...plan.moved.keys()].map(idOf), last: [...plan.moved.values()] },
    tiles: {
      levels: tiles.map(({ level }) => level),
      indexes: tiles.map(({ index }) => index),
      hashes: Buffer.concat(tiles.map(({ hashes }) => hashes)),
      roots: Buffer.concat(tiles.map((tile) => tile.root)),
    },
  }
  if (!(await appendGroup(options.db, group, options.clock.fixed))) return false
  picture.root = root
  picture.checkpoint = checkpoint
  for (const [source, last] of plan.moved) picture.sources.set(source, { id: idOf(source), last })
  options.onGrowth?.(tree.edge.size)
  return true
}

function endsOf(lengths: readonly number[]): number[] {
  let end = 0
  return lengths.map((length) => {
    end += length
    return end
  })
}
