/** THE TIMETABLE: every task, its service and its cadence. */
import type { Timetable } from '#core/runtime/define-schedule.ts'

export const timetable = {} as const satisfies Timetable
