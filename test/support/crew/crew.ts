/** A crew of small workers under the real primary, as processes of their own. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Pace } from '#host/workers/slot.ts'
import { dataFolder, freePort } from '#test/support/process.ts'
import type { Orders } from './crew-worker.ts'
import { openSender, type Sender } from './steady-load.ts'

export interface Crew {
  readonly pid: number
  readonly url: string
  readonly output: () => string
  /** Log lines with this message so far. */
  readonly lines: (message: string) => number
  /** Workers started from now on do this. */
  order(orders: Orders): void
  signal(signal: NodeJS.Signals): void
  /** Its workers' process ids, as they answer. */
  readonly sender: Sender
  metrics(): Promise<string>
  /** The exit code of the primary; null when a signal ended it. */
  readonly ended: Promise<number | null>
  remove(): Promise<void>
}

const fast: Partial<Pace> = { backoffFirstMs: 20, backoffMaxMs: 100, stableMs: 60_000, readyMs: 60_000 }

/** Starts it; waits until a line of the log says that a worker is ready unless `orders` keep it from being so. */
export async function startCrew(count: number, orders: Orders = {}, pace: Partial<Pace> = {}): Promise<Crew> {
  const folder = dataFolder()
  const file = join(folder.path, 'orders.json')
  const order = (next: Orders) => writeFileSync(file, JSON.stringify(next))
  order(orders)
  const [port, metricsPort] = [await freePort(), await freePort()]
  const child = spawn(process.execPath, [fileURLToPath(new URL('crew-primary.ts', import.meta.url))], {
    env: {
      PATH: process.env.PATH,
      CREW_COUNT: String(count),
      CREW_PORT: String(port),
      CREW_METRICS_PORT: String(metricsPort),
      CREW_GRACE_SECONDS: '5',
      CREW_PACE: JSON.stringify({ ...fast, ...pace }),
      CREW_ORDERS: file,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const lines = (message: string) => output.split('\n').filter((line) => line.includes(`"${message}"`)).length
  const url = `http://127.0.0.1:${port}`
  const sender = openSender(url)
  const crew: Crew = {
    pid: child.pid as number,
    url,
    output: () => output,
    lines,
    order,
    signal: (signal) => void child.kill(signal),
    sender,
    metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    ended,
    async remove() {
      child.kill('SIGTERM')
      await ended
      await sender.close()
      folder.remove()
    },
  }
  if (!orders.start) while (lines('a worker is ready') < count && child.exitCode === null) await wait(20)
  return crew
}
