/** Events: pages of the journal, and a live stream that resumes where it broke off. */

import { NinefoldError } from './errors.ts'
import { delay, pause, type Transport } from './transport.ts'
import type { JournalEvent, Page } from './wire.ts'

export interface StreamedEvent {
  /** Position in the registry's journal; `after` of a later subscription. */
  readonly index: number
  readonly event: JournalEvent
}
export interface Subscription {
  /** Dotted patterns: `*` one word, `>` the rest; everything by default. */
  types?: readonly string[]
  /** Gives history after this index first; absent: from now on. */
  after?: number
  /** Ends the stream. */
  signal?: AbortSignal
  /** Called when the server could not give a range (it is too old, or not yours to see). */
  onGap?: (from: number, to: number) => void
}

/** Events that wait for the reader; beyond it the connection is given up and resumed later. */
const WAITING_MAX = 10_000
const RECONNECT_FIRST_MS = 250
const RETRY_AFTER_MS_MAX = 30_000

interface Frame {
  readonly type: string
  readonly [field: string]: unknown
}

export const events = (client: Transport) => ({
  list: (query?: { after?: number; types?: string; limit?: number }) =>
    client.request<Page<StreamedEvent>>('GET', '/events', { query: { ...query } }),
  types: () => client.request<Record<string, unknown>>('GET', '/events/types'),
  /** A single-use ticket for /ws/events?ticket=..., good for 30 s. */
  ticket: () => client.request<{ ticket: string; expires_in: number }>('POST', '/events/ticket'),
  /** Events in order, each once, across lost connections; ends when the signal is aborted. */
  subscribe: (subscription: Subscription = {}) => stream(client, subscription),
})

async function* stream(client: Transport, subscription: Subscription): AsyncGenerator<StreamedEvent> {
  const { signal } = subscription
  let after = subscription.after
  let failures = 0
  while (!signal?.aborted) {
    let connection: Connection | undefined
    try {
      const { ticket } = await client.request<{ ticket: string }>(
        'POST',
        '/events/ticket',
        signal ? { signal } : {},
      )
      connection = connect(client, ticket, subscription, after)
      for await (const item of connection.items) {
        failures = 0
        if (item.event) yield { index: item.index, event: item.event }
        after = item.index
      }
    } catch (error) {
      if (signal?.aborted) return
      // Only a refusal of the caller ends the stream; everything else may be better in a moment.
      if (error instanceof NinefoldError && error.status >= 400 && error.status < 500 && error.status !== 429)
        throw error
    } finally {
      connection?.close()
    }
    // A server that restarts says when to come back.
    const hint = connection?.retryAfterMs() ?? 0
    await pause(Math.max(hint, delay(RECONNECT_FIRST_MS, ++failures)), signal).catch(() => undefined)
  }
}

interface Connection {
  /** Positions in order; without an event where only the position moved. */
  readonly items: AsyncIterable<{ index: number; event?: JournalEvent }>
  /** What the server asked for in its last words. */
  retryAfterMs(): number
  close(): void
}

/** One connection; its items end when it is lost. */
function connect(
  client: Transport,
  ticket: string,
  subscription: Subscription,
  after: number | undefined,
): Connection {
  const open = client.options.openSocket ?? ((url: string) => new WebSocket(url))
  const base = client.options.baseUrl.replace(/\/+$/, '').replace(/^http/, 'ws')
  const socket = open(`${base}/ws/events?ticket=${encodeURIComponent(ticket)}`)
  const waiting: { index: number; event?: JournalEvent }[] = []
  let over = false
  let retryAfterMs = 0
  let wake = () => {}
  const end = () => {
    over = true
    wake()
  }
  const take = (item: { index: number; event?: JournalEvent }) => {
    if (waiting.length >= WAITING_MAX) return socket.close()
    waiting.push(item)
    wake()
  }
  const answer = (frame: Frame) => {
    if (frame.type === 'hello') {
      const types = subscription.types ?? ['>']
      const from = after ?? Number(frame.head)
      // Named in any case: a connection lost before its first event resumes here.
      take({ index: from })
      socket.send(JSON.stringify({ type: 'subscribe', types, after: from }))
    } else if (frame.type === 'event')
      take({ index: Number(frame.index), event: frame.event as JournalEvent })
    else if (frame.type === 'gap') {
      subscription.onGap?.(Number(frame.from), Number(frame.to))
      // From here on those indexes come (again): whoever resumes before the first of them asks for all.
      take({ index: Number(frame.from) - 1 })
    } else if (frame.type === 'error' && typeof frame.retry_after_ms === 'number')
      retryAfterMs = Math.min(frame.retry_after_ms, RETRY_AFTER_MS_MAX)
    else if (frame.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }))
  }
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') answer(JSON.parse(data) as Frame)
  })
  socket.addEventListener('close', end)
  socket.addEventListener('error', end)
  subscription.signal?.addEventListener('abort', end, { once: true })
  if (subscription.signal?.aborted) end()

  async function* items() {
    for (;;) {
      const item = waiting.shift()
      if (item) yield item
      else if (over) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    items: items(),
    retryAfterMs: () => retryAfterMs,
    close() {
      subscription.signal?.removeEventListener('abort', end)
      socket.close()
    },
  }
}
