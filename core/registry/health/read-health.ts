/** The health report: two words for the public, every part for operators. */
import { hasRole } from '#core/base/caller.ts'
import { VERSION } from '#core/base/version.ts'
import { publicName } from '#core/platform/tasks/epoch.ts'
import type { RegistryContext } from '../context.ts'
import { readTasks } from '../tasks/read-tasks.ts'
import { probeCoordination, probeDatabase, probeEventStore, probeTeg } from './probe-parts.ts'
import type { HealthOut, TaskOut } from './schema.ts'

const absent = { state: 'absent', latency_ms: null } as const

/** Always 200: a monitor reads `status`; readyz is for load balancers. */
export async function readHealth(ctx: RegistryContext): Promise<HealthOut> {
  const [registry, teg, coordination] = await Promise.all([
    probeDatabase(ctx),
    probeTeg(ctx),
    probeCoordination(ctx),
  ])
  const whole = [registry, teg, coordination].every(({ state }) => state === 'up')
  const short = { status: whole ? 'ok' : 'degraded', version: VERSION } as const
  if (!hasRole(ctx.caller, 'operator')) return short
  const { kind } = ctx.coordination
  // Its being away stops nothing here, and so it does not make the registry degraded.
  const eventStore = await probeEventStore(ctx)
  return {
    ...short,
    databases: { registry, teg },
    redis: kind === 'redis' ? { ...coordination, kind } : { ...absent, kind },
    teg,
    event_store: eventStore,
    spire: absent,
    tasks: registry.state === 'up' ? await showTasks(ctx) : [],
  }
}

/** Who leads each task, and for how long. */
async function showTasks(ctx: RegistryContext): Promise<TaskOut[]> {
  const now = ctx.clock.now().getTime()
  return (await readTasks(ctx)).map((row) => {
    const held = row.released_at === null && row.alive
    return {
      name: publicName(row.task),
      leader: held ? row.holder : null,
      age_seconds: held ? Math.max(0, Math.round((now - row.acquired_at.getTime()) / 1000)) : null,
      last_run:
        row.slot === null
          ? null
          : {
              slot: row.slot.toISOString(),
              state: row.state as NonNullable<TaskOut['last_run']>['state'],
              finished_at: row.finished_at?.toISOString() ?? null,
            },
    }
  })
}
