import { describe, expect, test } from 'vitest'
import { openMetrics } from '#core/platform/metrics.ts'

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
