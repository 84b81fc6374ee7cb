import { describe, expect, test } from 'vitest'
import { openMetrics } from '#core/platform/metrics.ts'
import {
  keepCounts,
  type MetricSnapshot,
  mergeSnapshots,
  writeSnapshot,
} from '#core/platform/metrics-snapshot.ts'

describe('metrics', () => {
  test('tell the time of requests by function, method, route and status', async () => {
    const metrics = openMetrics({ process: false })
    metrics.observeRequest({
      tag: 'agents',
      method: 'get',
      route: '/api/v1/agents/:id',
      status: 200,
      seconds: 0.02,
    })
    metrics.observeRequest({
      tag: 'agents',
      method: 'get',
      route: '/api/v1/agents/:id',
      status: 200,
      seconds: 3,
    })
    const text = await metrics.metricsText()
    const labels = 'function="agents",method="GET",route="/api/v1/agents/:id",status="200"'
    expect(text).toContain(`http_request_duration_seconds_bucket{le="0.025",${labels}} 1`)
    expect(text).toContain(`http_request_duration_seconds_count{${labels}} 2`)
    expect(metrics.contentType).toMatch(/^text\/plain/)
  })

  test('tell how tasks ended, their lag and their last success', async () => {
    const metrics = openMetrics({ process: false })
    metrics.observeTask({ task: 'retention', state: 'failed', seconds: 1, lagSeconds: 2 })
    expect(await metrics.metricsText()).not.toContain('task_last_success_timestamp_seconds{')
    metrics.observeTask({ task: 'retention', state: 'completed', seconds: 1, lagSeconds: 3 })
    const text = await metrics.metricsText()
    expect(text).toContain('task_run_duration_seconds_count{task="retention",state="failed"} 1')
    expect(text).toContain('task_start_lag_seconds{task="retention"} 3')
    expect(text).toMatch(/task_last_success_timestamp_seconds\{task="retention"\} 1\d{9}/)
  })

  test('count, time, and read gauges when asked; a gauge without a value is left out', async () => {
    const metrics = openMetrics({ process: false })
    const lost = metrics.counter('leases_lost_total', 'Leases lost.', ['task'])
    lost(1, { task: 'a' })
    lost(2, { task: 'a' })
    metrics.timer('batch_seconds', 'Batches.', [1, 2])(1.5)
    let value: number | null = 7
    metrics.gauge('backlog', 'Waiting.', async () => value, { queue: 'mail' })
    const text = await metrics.metricsText()
    expect(text).toContain('leases_lost_total{task="a"} 3')
    expect(text).toContain('batch_seconds_bucket{le="2"} 1')
    expect(text).toContain('backlog{queue="mail"} 7')
    value = null
    expect(await metrics.metricsText()).not.toContain('backlog{')
  })

  test('of two openings are apart; those of the process come when asked for', async () => {
    const one = openMetrics()
    const two = openMetrics({ process: false })
    one.observeRequest({ tag: 'x', method: 'get', route: '/', status: 200, seconds: 1 })
    expect(await one.metricsText()).toContain('process_cpu_seconds_total')
    expect(await two.metricsText()).not.toContain('function="x"')
    expect(await two.metricsText()).not.toContain('process_cpu_seconds_total')
  })
})

describe('metrics of several workers', () => {
  const workers = [openMetrics(), openMetrics()]
  workers.forEach((metrics, at) => {
    const seconds = at === 0 ? 0.02 : 3
    for (let i = 0; i <= at; i++)
      metrics.observeRequest({ tag: 'a', method: 'get', route: '/a', status: 200, seconds })
    if (at === 1) metrics.observeRequest({ tag: 'b', method: 'post', route: '/b', status: 201, seconds })
    metrics.counter('seen_total', 'Seen.', ['kind'])(at + 1, { kind: 'x' })
    metrics.timer('batch_seconds', 'Batches.', [1])(0.5)
    metrics.gauge('open', 'Held.', () => at + 2, {}, 'sum')
    metrics.gauge('backlog', 'Waiting.', () => 10 * (at + 1), { queue: 'mail' })
    metrics.gauge('room', 'Left.', () => at + 5, {}, 'min')
    metrics.gauge('lag', 'Of each.', () => at, {}, 'worker')
  })
  const merge = async (): Promise<MetricSnapshot[]> =>
    mergeSnapshots([
      { worker: '1', metrics: (await workers[0]?.snapshot()) ?? [] },
      { worker: '2', metrics: (await workers[1]?.snapshot()) ?? [] },
    ])

  test('add up counters and histograms, ours and the library’s, and take gauges as each says', async () => {
    const lines = (await writeSnapshot(await merge())).split('\n')
    const labels = 'function="a",method="GET",route="/a",status="200"'
    expect(lines).toEqual(
      expect.arrayContaining([
        `http_request_duration_seconds_bucket{le="0.025",${labels}} 1`,
        `http_request_duration_seconds_bucket{le="5",${labels}} 3`,
        `http_request_duration_seconds_bucket{le="+Inf",${labels}} 3`,
        `http_request_duration_seconds_count{${labels}} 3`,
        `http_request_duration_seconds_sum{${labels}} 6.02`,
        'http_request_duration_seconds_count{function="b",method="POST",route="/b",status="201"} 1',
        'seen_total{kind="x"} 3',
        'batch_seconds_bucket{le="1"} 2',
        'batch_seconds_count 2',
        'open 5',
        'backlog{queue="mail"} 20',
        'room 5',
        'lag{worker="1"} 0',
        'lag{worker="2"} 1',
      ]),
    )
    expect(lines.filter((line) => line.startsWith('nodejs_eventloop_lag_seconds{'))).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith('# TYPE seen_total'))).toHaveLength(1)
  })

  test('keep of a worker that has ended what it counted, and nothing that it held', async () => {
    const kept = keepCounts((await workers[0]?.snapshot()) ?? [])
    const names = kept.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['seen_total', 'batch_seconds', 'http_request_duration_seconds']),
    )
    expect(names.filter((name) => /^(open|backlog|room|lag|process_|nodejs_)/.test(name))).toEqual([])
  })

  test('leave out a gauge that cannot be read or takes too long, and give the others', async () => {
    const metrics = openMetrics({ process: false })
    metrics.gauge('broken', 'Fails.', () => Promise.reject(new Error('away')))
    metrics.gauge('slow', 'Hangs.', () => new Promise<number>(() => undefined))
    metrics.gauge('fine', 'Works.', () => 1)
    const text = await metrics.metricsText()
    expect(text).toContain('fine 1')
    expect(text).not.toMatch(/^(broken|slow) /m)
  })
})
