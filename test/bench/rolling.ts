/** What a roll of four workers costs their clients: errors and delay under 200 requests a second, beside the same load at rest. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { type FourWorkers, startFourWorkers } from '#test/support/crew/four-workers.ts'
import { type Landed, type Shot, sendSteadily } from '#test/support/crew/steady-load.ts'
import { dataFolder, freePort } from '#test/support/process.ts'
import { judgeReport, printReport, round, say } from './report.ts'
import { startPostgres } from './start-postgres.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 10)
const PER_SECOND = 200

/** A Redis of our own; needs redis-server in the path. */
async function startRedis(): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort()
  const folder = dataFolder()
  const quiet = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--dir', folder.path]
  const child = spawn('redis-server', ['--port', String(port), ...quiet], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      folder.remove()
    },
  }
}

const shotOf =
  (four: FourWorkers, label: string) =>
  (number: number): Shot =>
    number % 2 === 0
      ? four.pay(`${label}-${number}`)
      : {
          method: 'GET',
          path: `/api/v1/agents/${four.payee}`,
          headers: { authorization: `Bearer ${four.token}` },
        }

const isError = ({ status }: Landed) => status !== 200 && status !== 201

/** Milliseconds that a share of the requests stays below. */
function quantile(landed: readonly Landed[], share: number): number {
  const sorted = landed.map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

async function main(): Promise<void> {
  const postgres = await startPostgres()
  const redis = await startRedis()
  const four = await startFourWorkers(postgres.url, redis.url, { LOG_LEVEL: 'info' })
  try {
    const warm = sendSteadily(four.sender, PER_SECOND, shotOf(four, 'warm'))
    await wait(3000)
    await warm.stop()
    const rest = sendSteadily(four.sender, PER_SECOND, shotOf(four, 'rest'))
    await wait(seconds * 1000)
    await rest.stop()
    const rolling = sendSteadily(four.sender, PER_SECOND, shotOf(four, 'roll'))
    const started = performance.now()
    process.kill(four.host.pid, 'SIGHUP')
    await four.said('all workers are changed')
    const rollSeconds = (performance.now() - started) / 1000
    await rolling.stop()
    const [calm, busy] = [rest.landed, rolling.landed]
    say(`at rest: ${calm.length} requests, p50 ${round(quantile(calm, 0.5))} ms`)
    say(`rolling: ${busy.length} requests, p50 ${round(quantile(busy, 0.5))} ms, ${round(rollSeconds)} s`)
    for (const { status, text } of busy.filter(isError)) say(`error: ${status} ${text.slice(0, 200)}`)
    const figures = {
      requests_during_roll: busy.length,
      errors_during_roll: busy.filter(isError).length,
      errors_at_rest: calm.filter(isError).length,
      requests_per_second_during_roll: round(busy.length / rollSeconds),
      roll_seconds: round(rollSeconds),
      p50_rest_ms: round(quantile(calm, 0.5)),
      p99_rest_ms: round(quantile(calm, 0.99)),
      p50_roll_ms: round(quantile(busy, 0.5)),
      p99_roll_ms: round(quantile(busy, 0.99)),
    }
    const ratios = { p99_roll_to_rest: round(figures.p99_roll_ms / figures.p99_rest_ms) }
    printReport(
      judgeReport('rolling', figures, ratios, {
        errors_during_roll: { required: 0, better: 'less' },
        requests_per_second_during_roll: { required: 180, better: 'more' },
        p99_roll_to_rest: { goal: 5, better: 'less' },
      }),
    )
  } finally {
    await four.close()
    await redis.stop()
    await postgres.stop()
  }
}

await main()
