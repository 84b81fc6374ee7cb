/** The health report: two words for the public, every part for operators. */
import { hasRole } from '#core/base/caller.ts'
import { VERSION } from '#core/base/version.ts'
import { publicName } from '#core/platform/tasks/epoch.ts'
import type { RegistryContext } from '../context.ts'
import { readTasks } from '../tasks/read-tasks.ts'
import { probeCoordination, probeDatabase, probeEventStore, probeSpire, probeTeg } from './probe-parts.ts'
import { readQueues } from './queries.ts'
import type { HealthOut, TaskOut } from './schema.ts'

const absent = { state: 'absent', latency_ms: null } as const

/** Always 200: a monitor reads `status`; readyz is for load balancers. */
export async function readHealth(ctx: RegistryContext): Promise<HealthOut> {
  const [registry, teg, coordination, eventStore, spire] = await Promise.all([
    probeDatabase(ctx),
    probeTeg(ctx),
    probeCoordination(ctx),
    probeEventStore(ctx),
    probeSpire(ctx),
  ])
  // Without the EventStore, the agent or Redis everything local goes on: degraded is what a monitor has to hear, not dead.
  const whole = [registry, teg, coordination, eventStore, spire].every(({ state }) => state !== 'down')
  const short = { status: whole ? 'ok' : 'degraded', version: VERSION } as const
  if (!hasRole(ctx.caller, 'operator')) return short
  const { kind } = ctx.coordination
  const isUp = registry.state === 'up'
  const queues = isUp ? await readQueues(ctx.db) : null
  const now = ctx.clock.now().getTime()
  const lag = (since: Date | null) => (since ? Math.max(0, (now - since.getTime()) / 1000) : 0)
  return {
    ...short,
    databases: { registry: { ...registry, pool: ctx.db.unbound.pool?.() ?? null }, teg },
    redis: kind === 'redis' ? { ...coordination, kind } : { ...absent, kind },
    teg,
    event_store: eventStore,
    spire,
    journal: queues && { head: Number(queues.journal_head), lag_seconds: lag(queues.outbox_since) },
    forwarder: queues && {
      waiting: Number(queues.forward_waiting),
      lag_seconds: lag(queues.forward_since),
    },
    tasks: isUp ? await showTasks(ctx) : [],
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
