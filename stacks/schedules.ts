/** Timers: one for each task. A timer is a look, at least once, at what the database says is due: see docs/tasks.md. */
import type { Data } from './data.ts'
import { deployFunction, titleOf } from './deploy-function.ts'
import type { Manifest, ManifestEntry } from './manifest.ts'
import type { Secrets } from './secrets.ts'

/** Of an event whose run failed; a due time that was run is not run again by them. */
const RETRIES = 2

export const deploySchedules = (manifest: Manifest, data: Data, secrets: Secrets): void =>
  deployTimers(
    manifest.entries.filter(({ kind }) => kind === 'task'),
    new sst.aws.Queue('TaskDeadLetters'),
    data,
    secrets,
  )

/** A timer for each entry; events that failed for good end in the queue, which wants an alarm. */
export function deployTimers(
  entries: readonly ManifestEntry[],
  deadLetters: sst.aws.Queue,
  data: Data,
  secrets: Secrets,
): void {
  for (const entry of entries) {
    const minutes = entry.everyMinutes ?? 1
    new sst.aws.CronV2(`${titleOf(entry.name)}Timer`, {
      schedule: minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`,
      function: deployFunction(entry, data, secrets).arn,
      retries: RETRIES,
      dlq: deadLetters.arn,
    })
  }
}
