/** The function host: reads the configuration and the three tables, starts what HOST_SERVICES names, stops in order. */
import cluster from 'node:cluster'
import { flushCompileCache } from 'node:module'
import { type Config, ConfigError, readConfig } from '#core/platform/config.ts'
import { type Log, openLog } from '#core/platform/log.ts'
import { ListenError } from '#core/runtime/to-node.ts'
import { checkEnvironment, runWorkers } from './run-workers.ts'
import type { Host } from './start-host.ts'
import { joinPrimary } from './workers/join-primary.ts'

/** Runs it until a signal ends it. Ends the process where it cannot start. */
export function runHost(): Promise<void> {
  return start().catch((error) => {
    const words =
      error instanceof ConfigError
        ? error.message
        : error instanceof ListenError
          ? `Ninefold could not start: ${error.message}`
          : `Ninefold could not start: ${(error as Error).stack ?? error}`
    process.stderr.write(`${words}\n`)
    process.exit(1)
  })
}

async function start(): Promise<void> {
  const config = readConfig(process.env)
  const log = openLog({ level: config.LOG_LEVEL })
  if (config.HOST_WORKERS > 1 && cluster.isPrimary)
    return runWorkers({
      count: config.HOST_WORKERS,
      graceSeconds: config.STOP_GRACE_SECONDS,
      metricsPort: config.METRICS_PORT,
      address: config.BIND_ADDRESS,
      log,
      checkConfig: checkEnvironment,
    })
  process.on('unhandledRejection', (error) => log.error({ error }, 'unhandled rejection'))
  // Process 1 of a container ignores signals that nobody listens to: also a start that takes long must end on request.
  const early = () => process.exit(0)
  process.on('SIGTERM', early)
  process.on('SIGINT', early)
  // To the whole group of a terminal: workers leave it to their primary.
  if (cluster.isWorker) process.on('SIGHUP', () => undefined)
  // Not before: the primary of several workers needs none of it.
  const { startHost } = await import('./start-host.ts')
  // The primary answers for all workers.
  const host = await startHost(cluster.isWorker ? { ...config, METRICS_PORT: 0 } : config, log)
  const stop = makeStop(host, config, log)
  process.off('SIGTERM', early)
  process.off('SIGINT', early)
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
  if (!cluster.isWorker) process.on('SIGHUP', () => onHangUp(stop, log))
  // For the next process: one that is killed would not write it.
  flushCompileCache()
  for (const [service, port] of Object.entries(host.ports)) log.info({ service, port }, 'listening')
  if (host.newOperatorKey) {
    // Shown once, on the terminal and not through the log, which may be shipped away.
    process.stdout.write(`\n  Operator key (shown once, keep it): ${host.newOperatorKey}\n`)
  }
  const isFirst = (cluster.worker?.id ?? 1) === 1
  if (isFirst && host.ports.registry && config.NINEFOLD_PROFILE === 'embedded') {
    process.stdout.write(
      `\n  Ninefold is ready at ${config.PUBLIC_URL}  (reference: ${config.PUBLIC_URL}/docs)\n\n`,
    )
  }
}

/** Stops once, within the grace; ends the process. */
function makeStop(host: Host, config: Config, log: Log): (why: string) => Promise<void> {
  let stopping = false
  const stop = async (why: string, isReplaced = false) => {
    if (stopping) return
    stopping = true
    log.info({ hint: why }, 'stopping')
    const last = setTimeout(() => process.exit(1), config.STOP_GRACE_SECONDS * 1000)
    const status = await host.stop(isReplaced).then(
      () => 0,
      (error) => {
        log.error({ error }, 'the stop failed')
        return 1
      },
    )
    await membership?.farewell()
    clearTimeout(last)
    process.exit(status)
  }
  const membership = cluster.isWorker
    ? joinPrimary(host.metrics, (why) => void stop(why, why === 'replaced'))
    : null
  membership?.ready()
  return (why) => stop(why)
}

/** A single process has nobody to hand its socket to. */
function onHangUp(stop: (why: string) => Promise<void>, log: Log): void {
  // The terminal that the host belongs to is gone; a service has none, and is asked to change its workers.
  if (process.stdout.isTTY) void stop('SIGHUP')
  else log.warn({}, 'SIGHUP changes workers one by one; with HOST_WORKERS=1 restart the process instead')
}
