/** The health report: two words for the public, every part for operators. */
import { hasRole } from '#core/base/caller.ts'
import { VERSION } from '#core/base/version.ts'
import type { RegistryContext } from '../context.ts'
import { probeCoordination, probeDatabase, probeTeg } from './probe-parts.ts'
import type { HealthOut } from './schema.ts'

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
  return {
    ...short,
    databases: { registry, teg },
    redis: kind === 'redis' ? { ...coordination, kind } : { ...absent, kind },
    teg,
    event_store: absent,
    spire: absent,
    tasks: [],
  }
}
