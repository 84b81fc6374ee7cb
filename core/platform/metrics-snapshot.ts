/** What a process has counted, as data: sent from worker to primary, merged into one figure, written for Prometheus. */
import { type Metric, Registry } from 'prom-client'

/**
 * How the figure of one series is made of those of several workers. `worker` keeps them apart by a label, where no
 * single figure would be true (memory, delay of the event loop).
 */
export type Across = 'sum' | 'max' | 'min' | 'first' | 'worker'

export interface Sample {
  /** The sample's own name where it is not the metric's (`_bucket`, `_sum`, `_count`). */
  readonly metricName?: string | undefined
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export interface MetricSnapshot {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly across: Across
  readonly values: readonly Sample[]
}

/** The snapshot of one process, with its name in the label `worker`. */
export interface Part {
  readonly worker: string
  readonly metrics: readonly MetricSnapshot[]
}

interface Merging {
  readonly head: MetricSnapshot
  readonly samples: Map<string, { -readonly [K in keyof Sample]: Sample[K] }>
}

/** One snapshot of all parts. A metric keeps the kind that the first part gives it. */
export function mergeSnapshots(parts: readonly Part[]): MetricSnapshot[] {
  const merged = new Map<string, Merging>()
  for (const { worker, metrics } of parts) {
    for (const metric of metrics) {
      let into = merged.get(metric.name)
      if (!into) {
        into = { head: metric, samples: new Map() }
        merged.set(metric.name, into)
      }
      for (const sample of metric.values) addSample(into, sample, worker)
    }
  }
  return [...merged.values()].map(({ head, samples }) => ({ ...head, values: [...samples.values()] }))
}

function addSample({ head, samples }: Merging, sample: Sample, worker: string): void {
  const labels = head.across === 'worker' ? { ...sample.labels, worker } : sample.labels
  const key = `${sample.metricName ?? ''} ${JSON.stringify(Object.entries(labels).sort(byName))}`
  const known = samples.get(key)
  if (!known) samples.set(key, { ...sample, labels })
  else known.value = combine(head.across, known.value, sample.value)
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1)

function combine(across: Across, one: number, two: number): number {
  switch (across) {
    case 'sum':
      return one + two
    case 'max':
      return Math.max(one, two)
    case 'min':
      return Math.min(one, two)
    default:
      return one
  }
}

/** What stays of a process that has ended: its counts, so that the sum over all workers never goes back. */
export const keepCounts = (metrics: readonly MetricSnapshot[]): MetricSnapshot[] =>
  metrics.filter(({ type, across }) => across === 'sum' && (type === 'counter' || type === 'histogram'))

/** The text that Prometheus reads. */
export function writeSnapshot(metrics: readonly MetricSnapshot[]): Promise<string> {
  const registry = new Registry()
  for (const metric of metrics) {
    const written = { ...metric, get: async () => metric }
    registry.registerMetric(written as unknown as Metric)
  }
  return registry.metrics()
}
