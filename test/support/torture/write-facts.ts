/** Writers of facts whose commits overtake each other: with delays after the number was taken, rollbacks, failing commits. */
import { backgroundCall } from '#core/platform/background-call.ts'
import type { Resources } from '#core/platform/context.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { seededRandom } from '#test/support/random.ts'
import { STUMBLED } from './fault-triggers.ts'

export const FACT_TYPE = 'torture.fact'
const DELAY_SECONDS = 0.03
const ROLLED_BACK = 'rolled back'

/** What a fact carries: its writer, the number of the transaction among the writer's, and of the fact in that. */
export interface FactData {
  readonly key: string
  readonly writer: number
  readonly n: number
  readonly k: number
}

export interface Facts {
  /** Facts by the key of their committed transaction. */
  readonly committed: ReadonlyMap<string, number>
  /** Transactions that were rolled back or whose commit failed. */
  readonly undone: () => number
  /** Facts committed so far. */
  readonly count: () => number
  /** Lets every writer end its transaction. */
  stop(): Promise<void>
}

/** Starts them: each writes one transaction after another until they are stopped, or as many as it is told. */
export function writeFacts(
  resources: Resources,
  options: { writers: number; seed: number; transactions?: number; wake?: () => void },
): Facts & { readonly done: Promise<void> } {
  const committed = new Map<string, number>()
  let count = 0
  let undone = 0
  let over = false
  const write = async (writer: number) => {
    const random = seededRandom(options.seed + writer)
    for (let n = 0; !over && n < (options.transactions ?? Number.POSITIVE_INFINITY); n++) {
      const key = `${writer}-${n}`
      const facts = 1 + Math.floor(random() * 3)
      const rollsBack = random() < 0.1
      const ctx = { ...resources, ...backgroundCall(resources, 'torture', new AbortController().signal) }
      const work = ctx.db.transaction(async (tx) => {
        for (let k = 0; k < facts; k++) {
          const data: FactData = { key, writer, n, k }
          await emitEvent(tx, ctx, { type: FACT_TYPE, subject: 'x/1', data: { ...data }, audience: null })
        }
        // A position that was taken early becomes visible late.
        await tx.query('select pg_sleep($1::float8)', [random() * DELAY_SECONDS])
        if (rollsBack) throw new Error(ROLLED_BACK)
      })
      const outcome = await work.then(
        () => null,
        (error: Error) => error,
      )
      if (outcome === null) {
        committed.set(key, facts)
        count += facts
        options.wake?.()
      } else if (outcome.message === ROLLED_BACK || outcome.message.includes(STUMBLED)) undone++
      else throw outcome
    }
  }
  const done = Promise.all(Array.from({ length: options.writers }, (_, writer) => write(writer))).then(
    () => undefined,
  )
  return {
    committed,
    undone: () => undone,
    count: () => count,
    done,
    async stop() {
      over = true
      await done
    },
  }
}
