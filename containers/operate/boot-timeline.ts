/** Tells from `docker inspect` when each container was created, started and healthy, and what the stack waited for. */
import { z } from 'zod'
import { type Command, readArgs, UsageError } from './command.ts'

const Time = z.string().transform((text) => Date.parse(text))
const Container = z.object({
  Name: z.string(),
  Created: Time,
  State: z.object({
    Status: z.string(),
    StartedAt: Time,
    Health: z
      .object({ Status: z.string(), Log: z.array(z.object({ End: Time, ExitCode: z.number() })).nullish() })
      .nullish(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
})
const Inspected = z.array(Container).min(1)
export type Inspected = z.output<typeof Inspected>

export interface Line {
  readonly service: string
  /** Seconds since the first container was created. */
  readonly created: number
  readonly started: number
  /** Null: not healthy, or so long ago that the engine has forgotten when. */
  readonly healthy: number | null
  readonly health: string
}

/** Probes that the engine remembers of a container. */
const REMEMBERED = 5
const BUDGET_SECONDS = 60
const WIDTH = 48

/** The lines in the order of their health, and the whole time; null where it cannot be told any more. */
export function readTimeline(containers: Inspected): { lines: Line[]; total: number | null } {
  const zero = Math.min(...containers.map(({ Created }) => Created))
  const since = (time: number) => Math.round((time - zero) / 10) / 100
  const lines = containers.map(({ Name, Created, State, Config }): Line => {
    const log = State.Health?.Log ?? []
    const first = log.findIndex(({ ExitCode }) => ExitCode === 0)
    // With a full memory whose first probe is good already, earlier good ones may be forgotten.
    const isKnown = first > 0 || (first === 0 && log.length < REMEMBERED)
    const at = log[first]
    return {
      service: Config.Labels?.['com.docker.compose.service'] ?? Name.replace(/^\//, ''),
      created: since(Created),
      started: since(State.StartedAt),
      healthy: isKnown && at && State.Health?.Status === 'healthy' ? since(at.End) : null,
      health: State.Health?.Status ?? 'none',
    }
  })
  lines.sort((a, b) => (a.healthy ?? Number.POSITIVE_INFINITY) - (b.healthy ?? Number.POSITIVE_INFINITY))
  const ends = lines.map(({ healthy }) => healthy)
  return { lines, total: ends.includes(null) ? null : Math.max(...(ends as number[])) }
}

const boot: Command = async (args, { print, read }) => {
  const { values, flags } = readArgs(args, ['budget'], ['json'])
  const budget = Number(values.budget ?? BUDGET_SECONDS)
  const text = await read()
  if (text.trim() === '')
    throw new UsageError(
      'operate boot-timeline reads what the engine knows, within a minute after the start:\n  docker inspect $(docker compose --env-file .env.operator ps -aq) | operate boot-timeline',
    )
  let parsed: ReturnType<typeof Inspected.safeParse>
  try {
    parsed = Inspected.safeParse(JSON.parse(text))
  } catch {
    throw new UsageError('The input is no JSON: give `docker inspect ...`')
  }
  if (!parsed.success) throw new UsageError('The input is not what `docker inspect` of containers prints')
  const { lines, total } = readTimeline(parsed.data)
  const ok = total !== null && total <= budget
  if (flags.has('json'))
    print(JSON.stringify({ ok, total_seconds: total, budget_seconds: budget, containers: lines }))
  else {
    const scale = WIDTH / Math.max(1, ...lines.map(({ healthy, started }) => healthy ?? started))
    for (const { service, started, healthy, health } of lines) {
      const from = Math.round(started * scale)
      const until = Math.max(from + 1, Math.round((healthy ?? started) * scale))
      const bar = `${' '.repeat(from)}${'='.repeat(until - from)}`.padEnd(WIDTH + 1)
      print(
        `${service.padEnd(18)}|${bar}| started ${started.toFixed(1)} s, ${healthy === null ? health : `healthy ${healthy.toFixed(1)} s`}`,
      )
    }
    print(
      total === null
        ? 'Not all are healthy, or the start is too long ago to be told.'
        : `${total.toFixed(1)} s of ${budget} s`,
    )
  }
  return ok ? 0 : 1
}
export default boot
