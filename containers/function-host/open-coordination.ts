/** Opens what workers share: Redis, or without it what this process has by itself. */
import type { Config } from '#core/platform/config.ts'
import { systemRandom } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Log } from '#core/platform/log.ts'

/** Opens it. @param count makes the counter of calls that Redis did not answer */
export async function openCoordination(
  config: Config,
  log: Log,
  count?: () => () => void,
): Promise<Coordination> {
  const workers = config.HOST_WORKERS
  if (!config.REDIS_URL) return openInProcess(undefined, workers)
  const { openRedis } = await import('#core/platform/coordination/redis.ts')
  const told = count ? { onFallback: count() } : {}
  return openRedis({ url: config.REDIS_URL, workers, log, random: systemRandom, ...told })
}
