/** What tasks emit; only operators and auditors see it. */
import type { Emission } from '#core/platform/outbox.ts'
import { publicName } from '#core/platform/tasks/epoch.ts'
import type { FailedRun } from '#core/platform/tasks/keep-runs.ts'

export const taskFailed = ({ task, slot, state, error }: FailedRun): Emission => ({
  type: 'task.failed',
  subject: `tasks/${publicName(task)}`,
  data: { task: publicName(task), slot: slot.toISOString(), state, error },
  audience: [],
})
