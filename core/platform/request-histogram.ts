/** The histogram of requests: kept in plain arrays, because the library's hash of labels costs a fifth of a short request. */

export interface RequestMeasure {
  readonly tag: string
  readonly method: string
  /** The route's pattern, never an address with ids: each value is a time series. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const NAME = 'http_request_duration_seconds'

interface Series {
  readonly labels: Readonly<Record<string, string | number>>
  readonly counts: number[]
  sum: number
  count: number
}

/** A metric as the registry of prom-client takes it. */
export class RequestHistogram {
  readonly name = NAME
  readonly help = 'Time from the request to its reply, by function, method, route and status.'
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  /** Route, then method and status: routes are patterns, so that there are few series. */
  readonly #routes = new Map<string, Map<string, Series>>()

  observe(measure: RequestMeasure): void {
    const series = this.#seriesOf(measure)
    const at = BOUNDS.findIndex((bound) => measure.seconds <= bound)
    if (at >= 0) series.counts[at] = (series.counts[at] ?? 0) + 1
    series.sum += measure.seconds
    series.count++
  }

  #seriesOf({ tag, method, route, status }: RequestMeasure): Series {
    const ofRoute = this.#routes.get(route) ?? new Map<string, Series>()
    if (ofRoute.size === 0) this.#routes.set(route, ofRoute)
    const key = method + status
    const known = ofRoute.get(key)
    if (known) return known
    const labels = { function: tag, method: method.toUpperCase(), route, status }
    const series = { labels, counts: BOUNDS.map(() => 0), sum: 0, count: 0 }
    ofRoute.set(key, series)
    return series
  }

  /** The values, in the form in which prom-client writes them. */
  async get() {
    const { name, help, type, aggregator } = this
    const all = [...this.#routes.values()].flatMap((ofRoute) => [...ofRoute.values()])
    return { name, help, type, aggregator, values: all.flatMap(valuesOf) }
  }

  reset(): void {
    this.#routes.clear()
  }
}

function valuesOf({ labels, counts, sum, count }: Series) {
  let below = 0
  const buckets = BOUNDS.map((bound, at) => {
    below += counts[at] ?? 0
    return { metricName: `${NAME}_bucket`, labels: { le: bound, ...labels }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${NAME}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${NAME}_sum`, labels, value: sum },
    { metricName: `${NAME}_count`, labels, value: count },
  ]
}
