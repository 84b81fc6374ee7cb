/** Opens what all instances share: Redis where it can be reached, else the database that they have in common. */
import type { Config } from '#core/platform/config.ts'
import type { Resources } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openPostgresCoordination } from '#core/platform/coordination/postgres.ts'

/** An instance may be one of many: when Redis is away each allows this part of a limit. */
const INSTANCES_ASSUMED = 10

export async function openFaasCoordination(
  config: Config,
  base: Omit<Resources, 'coordination'>,
): Promise<Coordination> {
  if (!config.REDIS_URL) return openPostgresCoordination(base)
  const { openRedis } = await import('#core/platform/coordination/redis.ts')
  const { log, random } = base
  return openRedis({ url: config.REDIS_URL, workers: INSTANCES_ASSUMED, log, random })
}
