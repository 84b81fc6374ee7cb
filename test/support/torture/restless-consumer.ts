/** A consumer of the live stream that disconnects at random, comes back to any host, and goes on after the last index it saw. */
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface RestlessConsumer {
  readonly kind: 'socket' | 'sse'
  /** Indexes in the order in which they came. */
  readonly indexes: readonly number[]
  readonly connections: () => number
  stop(): Promise<void>
}

export interface ConsumerOptions {
  readonly kind: 'socket' | 'sse'
  /** http addresses of hosts of one registry. */
  readonly hosts: readonly string[]
  readonly token: string
  readonly random: () => number
}

/** Most events of one connection. */
const TAKES_MAX = 120
/** Pause before the next connection, at most. */
const PAUSE_MS = 100
/** A connection that brings nothing for so long is given up: its host may hang. */
const SILENT_MS = 5000

interface Connection {
  readonly url: string
  readonly after: number
  /** @returns false: enough, the connection is to be cut */
  readonly take: (index: number) => boolean
}

/** Starts one that wants every event from the beginning of the journal. */
export function startConsumer(options: ConsumerOptions): RestlessConsumer {
  const { random, hosts, kind, token } = options
  const indexes: number[] = []
  let connections = 0
  let over = false
  const run = async () => {
    while (!over) {
      let left = 1 + Math.floor(random() * TAKES_MAX)
      const take = (index: number) => {
        indexes.push(index)
        left--
        return left > 0 && !over
      }
      const url = hosts[Math.floor(random() * hosts.length)] as string
      connections++
      const read = kind === 'socket' ? readSocket : readSse
      await read({ url, after: indexes.at(-1) ?? 0, take }, token)
      if (!over) await wait(random() * PAUSE_MS)
    }
  }
  const running = run()
  return {
    kind,
    indexes,
    connections: () => connections,
    async stop() {
      over = true
      await running
    },
  }
}

function readSocket({ url, after, take }: Connection, token: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/events`, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: SILENT_MS,
    })
    const cut = () => socket.terminate()
    let silence = setTimeout(cut, SILENT_MS)
    let taking = true
    let begun = false
    socket.on('error', () => undefined)
    socket.on('message', (data) => {
      clearTimeout(silence)
      silence = setTimeout(cut, SILENT_MS)
      const frame = JSON.parse(String(data))
      if (frame.type === 'hello') socket.send(JSON.stringify({ type: 'subscribe', types: ['>'], after }))
      else if (frame.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }))
      // A connection that was slow to subscribe gets new events first: they come again in their turn.
      else if (frame.type === 'event' && taking && (begun || frame.index === after + 1)) {
        begun = true
        // What comes after the cut was never taken: it must come again.
        taking = take(frame.index)
        if (!taking) cut()
      }
    })
    socket.on('close', () => {
      clearTimeout(silence)
      resolve()
    })
  })
}

async function readSse({ url, after, take }: Connection, token: string): Promise<void> {
  const controller = new AbortController()
  const cut = () => controller.abort()
  let silence = setTimeout(cut, SILENT_MS)
  try {
    const answer = await fetch(`${url}/api/v1/events/stream`, {
      headers: { authorization: `Bearer ${token}`, 'last-event-id': String(after) },
      signal: controller.signal,
    })
    if (!answer.ok || !answer.body) throw new Error(`${answer.status} ${await answer.text()}`)
    let text = ''
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(silence)
      silence = setTimeout(cut, SILENT_MS)
      const events = (text + chunk).split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const id = /^id: (\d+)$/m.exec(event)?.[1]
        if (id !== undefined && !take(Number(id))) return
      }
    }
  } catch {
    // The host is gone, or the cut: the next connection goes on.
  } finally {
    clearTimeout(silence)
    cut()
  }
}
