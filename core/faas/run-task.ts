/** The job of a task's timer: one look at a task of the registry. */
import { keepLeases } from '#core/platform/tasks/keep-leases.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { TaskLine } from '#core/platform/tasks/line.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import type { Schedule } from '#core/runtime/define-schedule.ts'
import { leaseSettingsOf } from '#core/runtime/leases/hold-lease.ts'
import { runTimer } from '#core/runtime/run-timer.ts'
import type { Job } from './on-lambda.ts'

/** A task of the timetable. */
export function taskJob(line: TaskLine, schedule: Schedule<RegistryContext>): Job<RegistryResources> {
  return ({ resources }, { signal, holder }) => {
    const { db, coordination, clock, random, log, config } = resources
    const settings = leaseSettingsOf(config.TASK_LEASE_MS)
    return runTimer<RegistryContext>({
      service: 'registry',
      line,
      schedule,
      resources: { db, coordination, clock, random, log },
      contextOf: (context) => ({ ...resources, ...context }),
      runs: keepRuns(resources, 'registry', settings.giveUpMs),
      leases: keepLeases(resources),
      holder,
      signal,
      settings,
    })
  }
}
