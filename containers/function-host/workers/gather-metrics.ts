/** The metrics of a whole host: those of all workers, of workers that have ended, and of the primary itself. */
import type { Metrics } from '#core/platform/metrics.ts'
import {
  keepCounts,
  type MetricSnapshot,
  mergeSnapshots,
  type Part,
  writeSnapshot,
} from '#core/platform/metrics-snapshot.ts'
import type { Member } from './member.ts'
import type { Slot } from './slot.ts'

/** A worker that is stopped or busy must not hold up the scrape: its last figures count. */
const ANSWER_MS = 2000

export interface Gathering {
  readonly contentType: string
  metricsText(): Promise<string>
  /** Keeps the counts of a worker that has ended. */
  keep(member: Member): void
}

/** Gathers for the slots given. `own` are the metrics of the primary. */
export function gatherMetrics(own: Metrics, slots: readonly Slot[], answerMs = ANSWER_MS): Gathering {
  let ended: MetricSnapshot[] = []
  let silent = 0
  own.gauge('host_workers_silent', 'Workers that did not answer the last scrape in time.', () => silent)

  const gather = async (): Promise<string> => {
    const asked = slots.flatMap(({ members }) => [...members]).filter(({ isReady }) => isReady)
    const answers = await Promise.all(asked.map((member) => member.renewSnapshot(answerMs)))
    silent = asked.filter((member, at) => !answers[at] && !member.isOver).length
    const primary: Part = { worker: 'primary', metrics: await own.snapshot() }
    // Nothing is awaited between the two: a worker that ends stands among the slots or among the ended, never in both.
    const parts: Part[] = [...slots.flatMap(partsOf), { worker: 'ended', metrics: ended }, primary]
    return writeSnapshot(mergeSnapshots(parts))
  }

  let running: Promise<string> | null = null
  return {
    contentType: own.contentType,
    metricsText() {
      running ??= gather().finally(() => {
        running = null
      })
      return running
    },
    keep(member) {
      ended = mergeSnapshots([
        { worker: 'ended', metrics: ended },
        { worker: 'ended', metrics: keepCounts(member.snapshot) },
      ])
    },
  }
}

/** Memory and the like are told of the worker that holds the place; its counts come from all processes of the place. */
function partsOf(slot: Slot): Part[] {
  return [...slot.members].map((member) => ({
    worker: String(slot.number),
    metrics:
      member === slot.current
        ? member.snapshot
        : member.snapshot.filter(({ across, type }) => across === 'sum' && type !== 'gauge'),
  }))
}
