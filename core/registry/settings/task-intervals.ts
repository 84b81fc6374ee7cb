/** The settings `task_<name>_interval_seconds`: one for each task of the timetable whose interval may be set. */
import { intervalSetting } from '#core/platform/tasks/keep-runs.ts'
import type { IntervalBounds, TaskLine } from '#core/platform/tasks/line.ts'
import type { OutOfBounds, SettingChange, ShownSetting, Stored } from './rules.ts'

/** What such a name looks like; whether there is one, the timetable says. */
export const INTERVAL_NAME = /^task_[a-z][a-z0-9_]{0,62}_interval_seconds$/

/** Seconds by name: null returns to the timetable's own interval. */
export type IntervalPatch = Readonly<Record<string, number | null | undefined>>

interface Settable extends IntervalBounds {
  readonly name: string
  readonly own: number
}

/** The tasks whose interval may be set. */
const settable = (tasks: readonly TaskLine[]): Settable[] =>
  tasks.flatMap(({ task, cadence, interval }) =>
    interval && cadence.everySeconds !== undefined
      ? [{ name: intervalSetting(task), own: cadence.everySeconds, ...interval }]
      : [],
  )

/** Names in a patch that no task of the timetable has. */
export function findUnknownIntervals(tasks: readonly TaskLine[], patch: IntervalPatch): string[] {
  const known = new Set(settable(tasks).map(({ name }) => name))
  return Object.keys(patch).filter((name) => !known.has(name))
}

export function findIntervalFaults(tasks: readonly TaskLine[], patch: IntervalPatch): OutOfBounds[] {
  return settable(tasks).flatMap(({ name, minimum, maximum }) => {
    const value = patch[name]
    if (value == null || (value >= minimum && value <= maximum)) return []
    return [{ name, bounds: `must be between ${minimum} and ${maximum}` }]
  })
}

export function planIntervals(
  tasks: readonly TaskLine[],
  stored: Stored,
  patch: IntervalPatch,
): SettingChange[] {
  return settable(tasks).flatMap(({ name, own }) => {
    const wanted = patch[name]
    const text = wanted == null ? null : String(wanted)
    if (wanted === undefined || text === (stored[name] ?? null)) return []
    return [{ name, text, before: Number(stored[name] ?? own), after: wanted ?? own }]
  })
}

export function showIntervals(tasks: readonly TaskLine[], stored: Stored): Record<string, ShownSetting> {
  return Object.fromEntries(
    settable(tasks).map(({ name, own, minimum, maximum }) => {
      const text = stored[name]
      const shown: ShownSetting = {
        value: text === undefined ? own : Number(text),
        default: own,
        minimum,
        maximum,
        source: text === undefined ? 'default' : 'api',
      }
      return [name, shown]
    }),
  )
}
