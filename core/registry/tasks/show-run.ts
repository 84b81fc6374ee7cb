/** A run of a task as operators see it. */
import { publicName, showEpoch } from '#core/platform/tasks/epoch.ts'
import type { RunRow } from './queries.ts'
import type { TaskRun } from './schema.ts'

export function showRun(row: RunRow): TaskRun {
  const begun = row.state !== 'queued'
  return {
    task: publicName(row.task),
    slot: row.slot.toISOString(),
    trigger: row.trigger,
    state: row.state,
    attempt: row.attempt,
    epoch: begun ? showEpoch({ incarnation: row.incarnation, counter: row.epoch }) : null,
    holder: begun ? row.holder : null,
    started_at: begun ? row.started_at.toISOString() : null,
    finished_at: row.finished_at?.toISOString() ?? null,
    counts: row.counts,
    error: row.error,
    asked_by: row.asked_by,
  }
}
