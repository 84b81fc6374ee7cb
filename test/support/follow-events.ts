/** A client of the WebSocket that does as it is told: comes back after the hint, resumes after the last index it saw. */
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface FollowedEvents {
  /** Indexes in the order in which they came. */
  readonly indexes: number[]
  /** Ids in `data.id`, in order. */
  readonly ids: string[]
  /** Hints of servers that stopped: close code, and milliseconds in the last frame and in the close. */
  readonly hints: { code: number; frame: unknown; reason: unknown }[]
  /** Connections that were lost without a word. */
  readonly lost: () => number
  stop(): Promise<void>
}

const LOST_MS = 50

/** Follows one type of event from now on; resolves at the first hello. */
export async function followEvents(url: string, token: string, type: string): Promise<FollowedEvents> {
  const indexes: number[] = []
  const ids: string[] = []
  const hints: FollowedEvents['hints'] = []
  let lost = 0
  let over = false
  let after: number | undefined
  let current: WebSocket | undefined
  let tellReady: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    tellReady = resolve
  })

  /** One connection. @returns how long to wait before the next */
  const connect = () =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
      current = socket
      let last: Record<string, unknown> = {}
      socket.on('error', () => undefined)
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data))
        last = frame
        if (frame.type === 'hello') {
          after ??= frame.head as number
          socket.send(JSON.stringify({ type: 'subscribe', types: [type], after }))
          tellReady()
        } else if (frame.type === 'event') {
          after = frame.index as number
          indexes.push(frame.index)
          ids.push(frame.event.data.id)
        } else if (frame.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }))
      })
      socket.on('close', (code, reason) => {
        const hint = Number(last.retry_after_ms)
        if (code !== 1012) {
          lost++
          return resolve(LOST_MS)
        }
        const told = JSON.parse(reason.toString()).retry_after_ms
        hints.push({ code, frame: last.retry_after_ms, reason: told })
        resolve(hint)
      })
    })
  const run = async () => {
    while (!over) {
      const pause = await connect()
      if (!over) await wait(pause)
    }
  }
  const running = run()
  await ready
  return {
    indexes,
    ids,
    hints,
    lost: () => lost,
    async stop() {
      over = true
      current?.terminate()
      await running
    },
  }
}
