/** A primary of small workers for tests: its program, told by the environment what to run and how fast. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openLog } from '#core/platform/log.ts'
import { runWorkers } from '#host/run-workers.ts'

const { CREW_COUNT, CREW_METRICS_PORT, CREW_GRACE_SECONDS, CREW_PACE, CREW_ORDERS } = process.env

await runWorkers({
  count: Number(CREW_COUNT),
  graceSeconds: Number(CREW_GRACE_SECONDS ?? 5),
  metricsPort: Number(CREW_METRICS_PORT ?? 0),
  address: '127.0.0.1',
  log: openLog(),
  exec: fileURLToPath(new URL('crew-worker.ts', import.meta.url)),
  pace: JSON.parse(CREW_PACE ?? '{}'),
  checkConfig() {
    const { config } = JSON.parse(readFileSync(CREW_ORDERS ?? '', 'utf8'))
    if (config === 'faulty') throw new Error('The configuration has 1 fault(s): CREW')
  },
})
