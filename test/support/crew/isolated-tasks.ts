/** Tasks for threads of their own, each a trouble to its process; with the test they speak by files of DATA_DIR. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import type { Run, Timetable } from '#core/runtime/define-schedule.ts'
import { runInThread } from '#host/task-thread.ts'

const place = (ctx: RegistryContext, name: string) => join(ctx.config.DATA_DIR, name)
const note = (ctx: RegistryContext, name: string, text = 'x') => appendFileSync(place(ctx, name), text)
const pause = new Int32Array(new SharedArrayBuffer(4))

/** Blocks the event loop of its thread until the test lets it go. */
function blockUntil(file: string): void {
  while (!existsSync(file)) Atomics.wait(pause, 0, 0, 10)
}

const write = (tx: Transaction, task: string, run: Run) =>
  tx.query('insert into proof.writes (task, slot, incarnation, epoch, holder) values ($1, $2, $3, $4, $5)', [
    task,
    run.slot,
    run.epoch.incarnation,
    run.epoch.counter,
    isMainThread ? 'process' : 'thread',
  ])

type Work = (ctx: RegistryContext, run: Run) => Promise<Record<string, number>>

const deeds: Readonly<Record<string, Work>> = {
  /** Blocks, then writes, grants AVT at the TEG and hints at a mail. */
  async long(ctx, run) {
    note(ctx, 'inside')
    blockUntil(place(ctx, 'go'))
    await ctx.db.transaction((tx) => write(tx, 'long', run))
    const { developer, agent } = JSON.parse(readFileSync(place(ctx, 'grant'), 'utf8'))
    const command = { op: 'grant', developer, agent, amount: '5', budget_per_day: '1000' } as const
    const fence = ctx.fence ? { fence: ctx.fence } : {}
    const outcome = await ctx.teg.command(ctx, { ...command, ...fence })
    if (outcome.error) throw new Error(outcome.error.code)
    ctx.wake('mail')
    return { granted: 1 }
  },
  /** The first time it never ends, in the middle of a transaction, and leaves signs of life. */
  async endless(ctx, run) {
    if (existsSync(place(ctx, 'inside'))) return { again: 1 }
    return ctx.db.transaction(async (tx) => {
      await write(tx, 'endless', run)
      note(ctx, 'inside')
      for (let beat = 0; ; ) {
        if (performance.now() < beat) continue
        note(ctx, 'beats')
        beat = performance.now() + 20
      }
    })
  },
  /** Ends when it is told to, and says why. */
  async polite(ctx) {
    note(ctx, 'inside')
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve, { once: true }))
    note(ctx, 'told', ctx.signal.reason.message)
    throw ctx.signal.reason
  },
  async faulty() {
    throw new RangeError('the sum does not fit')
  },
  /** Its thread is gone at once. */
  async gone() {
    process.exit(0)
  },
  /** Throws where nobody waits for it. */
  async stray() {
    setImmediate(() => {
      throw new RangeError('thrown by a timer')
    })
    return new Promise<never>(() => undefined)
  },
  /** Takes memory without end. */
  async hungry() {
    const held: number[][] = []
    for (;;) held.push(Array.from({ length: 100_000 }, (_, at) => at + 0.5))
  },
}

const WEEK = 7 * 86_400

export const isolatedTasks: Timetable = Object.fromEntries(
  Object.entries(deeds).map(([task, run]) => [
    task,
    {
      service: 'registry',
      // Due once in the life of a test, but the endless one, which is to be seen to go on.
      everySeconds: task === 'endless' ? 1 : WEEK,
      load: async () => ({
        default: { isolate: true, timeoutSeconds: task === 'endless' ? 8 : 50, run } as never,
      }),
    },
  ]),
)

if (!isMainThread) await runInThread(isolatedTasks)
