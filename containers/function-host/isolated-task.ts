/** What the thread of a task begins with: the host's timetable. */
import { timetable } from '#schedules/index.ts'
import { runInThread } from './task-thread.ts'

await runInThread(timetable)
