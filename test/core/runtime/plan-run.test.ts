import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TaskLook } from '#core/platform/tasks/keep-runs.ts'
import { describeLine, type LineRules } from '#core/platform/tasks/line.ts'
import { type Cadence, jitterMs, slotAt } from '#core/platform/tasks/slots.ts'
import { ATTEMPTS_MAX, type Plan, planRun } from '#core/runtime/plan-run.ts'

const T = Date.parse('2026-11-24T12:00:00.000Z')
const MINUTE = 60_000
const line = (rules: LineRules = {}, cadence: Cadence = { everySeconds: 60 }) =>
  describeLine('job', { ...cadence, ...rules })
const look = (now: number, parts: Partial<TaskLook> = {}): TaskLook => ({
  now: new Date(now),
  knownSince: new Date(T - 86_400_000),
  lastSlot: null,
  paused: false,
  everySeconds: null,
  open: [],
  ...parts,
})
const left = (slot: number, parts: object = {}) => ({
  slot: new Date(slot),
  trigger: 'clock' as const,
  state: 'running' as const,
  attempt: 1,
  ...parts,
})
const all = { catchUp: { max: 5, windowSeconds: 600 } } as const
/** Behind the jitter of any slot of a minute. */
const LATE = T + 10 * MINUTE + 7000

describe('what the holder of a task does next', () => {
  test.each<[string, LineRules, Partial<TaskLook>, number | null, object]>([
    ['nothing is due: sleeps', {}, { lastSlot: new Date(T + 10 * MINUTE) }, null, { do: 'sleep' }],
    [
      'none: an old due time is passed over',
      { catchUp: 'none' },
      { lastSlot: new Date(T), now: new Date(LATE + 40_000) },
      null,
      { do: 'pass', slot: T + 10 * MINUTE, missed: 10 },
    ],
    [
      'none: a fresh one is run',
      { catchUp: 'none' },
      { lastSlot: new Date(T) },
      null,
      { do: 'run', slot: T + 10 * MINUTE, trigger: 'clock', advance: { missed: 9 } },
    ],
    [
      'latest: one for all that were missed',
      {},
      { lastSlot: new Date(T) },
      null,
      { do: 'run', slot: T + 10 * MINUTE, trigger: 'clock', advance: { missed: 9 } },
    ],
    [
      'all: the oldest first, no more than its maximum',
      all,
      { lastSlot: new Date(T) },
      null,
      { do: 'run', slot: T + 6 * MINUTE, trigger: 'catchup', advance: { missed: 5 } },
    ],
    [
      'all: no older than its window',
      { catchUp: { max: 100, windowSeconds: 120 } },
      { lastSlot: new Date(T) },
      null,
      { do: 'run', slot: T + 8 * MINUTE, trigger: 'catchup', advance: { missed: 7 } },
    ],
    [
      'nothing from before the task was known',
      all,
      { knownSince: new Date(T + 9 * MINUTE + 1) },
      null,
      { do: 'run', slot: T + 10 * MINUTE, trigger: 'clock' },
    ],
    [
      'skip: what came during the run before is passed over',
      {},
      { lastSlot: new Date(T + 7 * MINUTE) },
      LATE,
      { do: 'pass', slot: T + 10 * MINUTE, missed: 3 },
    ],
    [
      'queue-one: the newest of it is run',
      { overlap: 'queue-one' },
      { lastSlot: new Date(T + 7 * MINUTE) },
      LATE,
      { do: 'run', slot: T + 10 * MINUTE, advance: { missed: 2 } },
    ],
    [
      'a run that was asked for comes first, paused or not',
      {},
      { paused: true, open: [left(T + 1, { trigger: 'manual', state: 'queued', attempt: 0 })] },
      null,
      { do: 'run', slot: T + 1, trigger: 'manual', advance: null },
    ],
    ['paused: nothing else is begun', {}, { paused: true, open: [left(T)] }, null, { do: 'sleep' }],
    [
      'a run that was left unfinished is finished while it is the latest',
      {},
      { lastSlot: new Date(T + 10 * MINUTE), open: [left(T + 10 * MINUTE)] },
      null,
      { do: 'run', slot: T + 10 * MINUTE, trigger: 'clock', advance: null },
    ],
    [
      'and given up when a later one is due',
      {},
      { lastSlot: new Date(T + 8 * MINUTE), open: [left(T + 8 * MINUTE)] },
      null,
      { do: 'abandon', slot: T + 8 * MINUTE },
    ],
    [
      'but finished where every due time counts',
      all,
      { lastSlot: new Date(T + 8 * MINUTE), open: [left(T + 8 * MINUTE)] },
      null,
      { do: 'run', slot: T + 8 * MINUTE, advance: null },
    ],
    [
      'one that ends its holders again and again is given up',
      all,
      { open: [left(T + 10 * MINUTE, { attempt: ATTEMPTS_MAX })] },
      null,
      { do: 'abandon', slot: T + 10 * MINUTE },
    ],
    [
      'the clock was set back by an hour: the due time of now is tried, its row decides',
      {},
      { lastSlot: new Date(T + 70 * MINUTE) },
      null,
      { do: 'run', slot: T + 10 * MINUTE, advance: { missed: 0 } },
    ],
    [
      'the clock was a year ahead when the task was made known: it is due all the same',
      {},
      { knownSince: new Date(T + 365 * 86_400_000) },
      null,
      { do: 'run', slot: T + 10 * MINUTE },
    ],
  ])('%s', (_words, rules, parts, ranUntil, wanted) => {
    expect(planRun(line(rules), look(LATE, parts), ranUntil)).toMatchObject(wanted)
  })

  test('a cron expression that is never due again lets it sleep', () => {
    const cadence = { cron: '0 0 30 2 *' }
    expect(planRun(line({}, cadence), look(LATE), null)).toMatchObject({ do: 'sleep' })
  })
})

/** Lives through looks at the given moments as a holder does. @returns the slots that were run and those passed over */
function live(rules: LineRules, cadence: Cadence, moments: readonly number[], since: number) {
  const ran: number[] = []
  let missed = 0
  let lastSlot: Date | null = null
  for (const now of moments)
    for (;;) {
      const plan: Plan = planRun(
        line(rules, cadence),
        look(now, { lastSlot, knownSince: new Date(since) }),
        null,
      )
      if (plan.do === 'sleep') break
      if (plan.do === 'run') ran.push(plan.slot)
      missed += plan.do === 'pass' ? plan.missed : plan.do === 'run' ? (plan.advance?.missed ?? 0) : 0
      lastSlot = new Date(plan.slot)
    }
  return { ran, missed }
}

/** Moments after T, each so long after the one before. */
function momentsOf(waits: readonly number[]): number[] {
  let now = T
  return waits.map((wait) => {
    now += wait
    return now
  })
}

describe('due times', () => {
  const everySeconds = fc.integer({ min: 1, max: 7200 })
  const steps = fc.array(fc.integer({ min: 1, max: 4 * 3_600_000 }), { minLength: 1, maxLength: 30 })

  test('are run once each and none is left out, however irregularly anybody looks', () => {
    fc.assert(
      fc.property(everySeconds, steps, (every, waits) => {
        const cadence = { everySeconds: every }
        const moments = momentsOf(waits)
        const end = moments.at(-1) as number
        const { ran, missed } = live({ catchUp: { max: 1000, windowSeconds: 1e9 } }, cadence, moments, T)
        const due: number[] = []
        for (let slot = slotAt(T - 1, every) + every * 1000; slot <= end; slot += every * 1000)
          if (slot + jitterMs('job', slot, cadence) <= end) due.push(slot)
        expect(new Set(ran).size).toBe(ran.length)
        expect(ran).toEqual([...ran].sort((a, b) => a - b))
        expect(ran.length + missed).toBe(due.length)
        if (missed === 0) expect(ran).toEqual(due)
      }),
      { numRuns: 200, verbose: 1 },
    )
  })

  test('latest: never more than one run for a look, and it is the newest', () => {
    fc.assert(
      fc.property(everySeconds, steps, (every, waits) => {
        const moments = momentsOf(waits)
        const { ran } = live({}, { everySeconds: every }, moments, T)
        expect(ran.length).toBeLessThanOrEqual(moments.length)
        expect(new Set(ran).size).toBe(ran.length)
      }),
      { numRuns: 200, verbose: 1 },
    )
  })

  test('a clock that jumps back and forth by hours never stops the task and never repeats a slot that its row holds', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -7_200_000, max: 7_200_000 }), { maxLength: 40 }), (jumps) => {
        const rows = new Set<number>()
        let lastSlot: Date | null = null
        let now = T
        for (const jump of jumps) {
          now += jump
          const newest = slotAt(now, 60)
          for (let i = 0; i < 3; i++) {
            const plan = planRun(line(), look(now, { lastSlot, knownSince: new Date(T - 1e10) }), null)
            if (plan.do !== 'run') break
            rows.add(plan.slot)
            lastSlot = new Date(plan.slot)
          }
          // The newest due time, or the one before while its jitter lasts, is always dealt with.
          expect(rows.has(newest) || rows.has(newest - MINUTE)).toBe(true)
        }
      }),
      { numRuns: 200, verbose: 1 },
    )
  })
})
