/** The function host: reads the configuration and the three tables, starts what HOST_SERVICES names, stops in order. */
import cluster from 'node:cluster'
import { ConfigError, readConfig } from '#core/platform/config.ts'
import { openLog } from '#core/platform/log.ts'
import { runWorkers } from './run-workers.ts'

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = openLog({ level: config.LOG_LEVEL })
  if (config.HOST_WORKERS > 1 && cluster.isPrimary)
    return runWorkers(config.HOST_WORKERS, config.STOP_GRACE_SECONDS, log)
  process.on('unhandledRejection', (error) => log.error({ error }, 'unhandled rejection'))
  // Process 1 of a container ignores signals that nobody listens to: also a start that takes long must end on request.
  const early = () => process.exit(0)
  process.on('SIGTERM', early)
  process.on('SIGINT', early)
  // Not before: the primary of several workers needs none of it.
  const { startHost } = await import('./start-host.ts')
  const host = await startHost(config, log)
  let stopping = false
  const stop = async (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ hint: signal }, 'stopping')
    const last = setTimeout(() => process.exit(1), config.STOP_GRACE_SECONDS * 1000)
    const status = await host.stop().then(
      () => 0,
      (error) => {
        log.error({ error }, 'the stop failed')
        return 1
      },
    )
    clearTimeout(last)
    process.exit(status)
  }
  process.off('SIGTERM', early)
  process.off('SIGINT', early)
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
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

main().catch((error) => {
  const words =
    error instanceof ConfigError
      ? error.message
      : `Ninefold could not start: ${(error as Error).stack ?? error}`
  process.stderr.write(`${words}\n`)
  process.exit(1)
})
