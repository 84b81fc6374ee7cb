/** A WebSocket client for tests that keeps what it receives and waits for what is to come. */
import { type ClientOptions, WebSocket } from 'ws'
import { checkFrame } from './stream-contract.ts'

// biome-ignore format: one line reads best
export interface Frame { type: string; index?: number; code?: string; [name: string]: unknown }

export interface TestSocket {
  readonly socket: WebSocket
  readonly frames: Frame[]
  /** The next frame that fits, taken out of `frames`. */
  next(fits: (frame: Frame) => boolean): Promise<Frame>
  /** Events received, in order, once `count` of them are there. */
  events(count: number): Promise<Frame[]>
  send(frame: unknown): void
  /** Code and reason of the close. */
  readonly closed: Promise<{ code: number; reason: string }>
}

/** Opens one; rejects with the refusal {status, body} when the upgrade is refused. */
export function openSocket(url: string, options: ClientOptions = {}): Promise<TestSocket> {
  const socket = new WebSocket(url, options)
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    const frame = JSON.parse(data.toString()) as Frame
    checkFrame(frame)
    frames.push(frame)
    for (const look of [...waiting]) look()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  const until = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const look = () => {
        const found = find()
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  const test: TestSocket = {
    socket,
    frames,
    closed,
    next: (fits) =>
      until(() => {
        const at = frames.findIndex(fits)
        return at < 0 ? undefined : frames.splice(at, 1)[0]
      }),
    events: (count) =>
      until(() => {
        const events = frames.filter(({ type }) => type === 'event')
        return events.length >= count ? events : undefined
      }),
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
  }
  return new Promise((resolve, reject) => {
    socket.on('error', () => undefined)
    socket.once('open', () => resolve(test))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () =>
        reject({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) }),
      )
    })
  })
}
