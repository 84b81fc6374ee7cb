/** Metrics of one process in the format of Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import type { Across, MetricSnapshot } from './metrics-snapshot.ts'
import { RequestHistogram, type RequestMeasure } from './request-histogram.ts'

export interface TaskMeasure {
  readonly task: string
  readonly state: string
  readonly seconds: number
  readonly lagSeconds: number
}

export interface TaskNote {
  readonly task: string
  readonly what: 'taken' | 'left' | 'lost' | 'fenced' | 'missed'
  readonly count: number
}

type Labels = Readonly<Record<string, string>>

export interface Metrics {
  observeRequest(measure: RequestMeasure): void
  observeTask(measure: TaskMeasure): void
  noteTask(note: TaskNote): void
  /** A counter; its name ends in _total. @returns adds to it */
  counter<L extends string = never>(
    name: `${string}_total`,
    help: string,
    labels?: readonly L[],
  ): (amount?: number, labels?: Readonly<Record<L, string>>) => void
  /**
   * A value that is read when metrics are asked for; null, a failure and a reader that takes too long leave it out.
   * @param across how the value of a host is made of those of its workers: the largest by default
   */
  gauge(
    name: string,
    help: string,
    read: () => number | null | Promise<number | null>,
    labels?: Labels,
    across?: Across,
  ): void
  /** A histogram of seconds; its name ends in _seconds. @returns adds an observation */
  timer(name: `${string}_seconds`, help: string, buckets: readonly number[]): (seconds: number) => void
  readonly contentType: string
  metricsText(): Promise<string>
  /** The same as data, for a primary that adds up its workers. */
  snapshot(): Promise<MetricSnapshot[]>
}

/** One gauge that reads a database in trouble must not keep all others from being read. */
const READ_MS_MAX = 1000

const TASK_BUCKETS = [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900]

/** Opens the metrics of this process; `process` adds memory, CPU and event loop. */
export function openMetrics(options: { process?: boolean } = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (options.process ?? true) collectDefaultMetrics({ register: registry })
  const acrossOf = new Map<string, Across>(registry.getMetricsAsArray().map(({ name }) => [name, 'worker']))
  const requests = new RequestHistogram()
  registry.registerMetric(requests as unknown as Metric)
  const runs = new Histogram({
    name: 'task_run_duration_seconds',
    help: 'Time of the runs of background tasks, by task and how they ended.',
    labelNames: ['task', 'state'],
    buckets: TASK_BUCKETS,
    registers,
  })
  const lag = new Gauge({
    name: 'task_start_lag_seconds',
    help: 'How long after its due time the last run of a task began.',
    labelNames: ['task'],
    registers,
    aggregator: 'max',
  })
  const success = new Gauge({
    name: 'task_last_success_timestamp_seconds',
    help: 'When a task last completed here.',
    labelNames: ['task'],
    registers,
    aggregator: 'max',
  })
  const noteTask = taskNotes(registers)
  return {
    noteTask,
    observeRequest: (measure) => requests.observe(measure),
    observeTask({ task, state, seconds, lagSeconds }) {
      runs.observe({ task, state }, seconds)
      lag.set({ task }, lagSeconds)
      if (state === 'completed') success.setToCurrentTime({ task })
    },
    counter(name, help, labels = []) {
      const counter = new Counter({ name, help, labelNames: [...labels], registers })
      return (amount = 1, values) => (values ? counter.inc(values, amount) : counter.inc(amount))
    },
    gauge(name, help, read, labels = {}, across = 'max') {
      acrossOf.set(name, across)
      new Gauge({
        name,
        help,
        labelNames: Object.keys(labels),
        registers,
        async collect() {
          const value = await readInTime(read)
          if (value === null) this.remove(labels)
          else this.set(labels, value)
        },
      })
    },
    timer(name, help, buckets) {
      const histogram = new Histogram({ name, help, buckets: [...buckets], registers })
      return (seconds) => histogram.observe(seconds)
    },
    contentType: registry.contentType,
    metricsText: () => registry.metrics(),
    async snapshot() {
      const metrics = await registry.getMetricsAsJSON()
      return metrics.map((metric) => ({
        name: metric.name,
        help: metric.help,
        type: String(metric.type),
        across: acrossOf.get(metric.name) ?? (metric.aggregator as Across | undefined) ?? 'sum',
        values: (metric.values ?? []) as MetricSnapshot['values'],
      }))
    },
  }
}

async function readInTime(read: () => number | null | Promise<number | null>): Promise<number | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, READ_MS_MAX, null)
  })
  try {
    return await Promise.race([read(), late])
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}

/** Who leads which task, and what went wrong with leading. */
function taskNotes(registers: Registry[]): Metrics['noteTask'] {
  const labelNames = ['task'] as const
  const held = new Gauge({
    name: 'task_lease_held',
    help: '1 where this process leads the task.',
    labelNames,
    registers,
  })
  const count = (name: string, help: string) => new Counter({ name, help, labelNames, registers })
  const counters = {
    taken: count('task_takeovers_total', 'How often this process has taken the lead of a task.'),
    lost: count('task_leases_lost_total', 'Leads of a task that ended without being given back.'),
    fenced: count('task_fenced_total', 'Runs whose writes were refused because a newer holder exists.'),
    missed: count('task_slots_missed_total', 'Due times of a task that were passed over.'),
  }
  return ({ task, what, count: amount }) => {
    if (what === 'taken' || what === 'left') held.set({ task }, what === 'taken' ? 1 : 0)
    if (what !== 'left') counters[what].inc({ task }, amount)
  }
}
