/** Sends requests over a number of kept connections, each as soon as the one before it on that connection is answered. */
import { Pool } from 'undici'

export interface Shot {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}
export interface Load {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly shot: (number: number) => Shot
}
export interface Outcome {
  readonly seconds: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>
  readonly latenciesMs: readonly number[]
}

export async function sendLoad({ url, connections, seconds, shot }: Load): Promise<Outcome> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const statuses: Record<number, number> = {}
  const latenciesMs: number[] = []
  const started = performance.now()
  const end = started + seconds * 1000
  let number = 0
  const work = async () => {
    while (performance.now() < end) {
      const sent = performance.now()
      const { statusCode, body } = await pool.request(shot(number++))
      await body.dump()
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
      latenciesMs.push(performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  const took = (performance.now() - started) / 1000
  await pool.close()
  return { seconds: took, statuses, latenciesMs }
}

/** Answers of one status; anything else in the outcome is an error of the bench. */
export function countOnly(outcome: Outcome, status: number): number {
  const strays = Object.entries(outcome.statuses).filter(([code]) => Number(code) !== status)
  if (strays.length > 0) throw new Error(`answers other than ${status}: ${JSON.stringify(outcome.statuses)}`)
  return outcome.statuses[status] ?? 0
}
