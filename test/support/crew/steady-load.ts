/** Requests at a steady pace over kept and over fresh connections, each outcome counted; nothing is ever tried again. */
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

export interface Shot {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
export interface Landed {
  /** 0 where no answer came. */
  readonly status: number
  /** The body, or the code of the error. */
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly ms: number
}
export interface Sender {
  /** One request; never rejects. `fresh` opens a connection of its own. */
  send(shot: Shot, fresh?: boolean): Promise<Landed>
  close(): Promise<void>
}

/** A client without retries may hang for so long at most. */
const TIMEOUT_MS = 15_000

/** Opens a client of a server. */
export function openSender(url: string, connections = 20): Sender {
  const kept = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
  return {
    send(shot, fresh = false) {
      const started = performance.now()
      return new Promise((resolve) => {
        const land = (status: number, text: string, headers: Landed['headers'] = {}) =>
          resolve({ status, text, headers, ms: performance.now() - started })
        const { method, body } = shot
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const sent = httpRequest(new URL(shot.path, url), {
          method,
          headers: { ...shot.headers, ...length },
          agent: fresh ? false : kept,
          timeout: TIMEOUT_MS,
        })
        sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'HANGS' })))
        sent.on('error', (error: NodeJS.ErrnoException) => land(0, error.code ?? error.message))
        sent.on('response', (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          response.on('error', (error: NodeJS.ErrnoException) => land(0, error.code ?? error.message))
          response.on('end', () => land(response.statusCode ?? 0, text, response.headers))
        })
        sent.end(body)
      })
    },
    async close() {
      kept.destroy()
    },
  }
}

export interface Steady {
  /** Outcomes so far, in the order in which they came. */
  readonly landed: (Landed & { readonly number: number })[]
  /** Number of the request that was sent last. */
  started(): number
  /** Ends it; resolves when the last answer is there. */
  stop(): Promise<void>
}

/** Requests under way at the same time: a machine that cannot keep the pace must not pile them up. */
const OPEN_MAX = 150

/** Sends `perSecond` requests a second, every fourth over a connection of its own, however long answers take. */
export function sendSteadily(sender: Sender, perSecond: number, shot: (number: number) => Shot): Steady {
  const landed: Steady['landed'] = []
  const open = new Set<Promise<void>>()
  let over = false
  let last = -1
  const run = async () => {
    const started = performance.now()
    for (let number = 0; !over; number++) {
      const due = started + (number * 1000) / perSecond
      const early = due - performance.now()
      if (early > 1) await wait(early)
      while (open.size >= OPEN_MAX) await Promise.race(open)
      last = number
      const one = sender.send(shot(number), number % 4 === 3).then((outcome) => {
        landed.push({ ...outcome, number })
        open.delete(one)
      })
      open.add(one)
    }
  }
  const running = run()
  return {
    landed,
    started: () => last,
    async stop() {
      over = true
      await running
      await Promise.all(open)
    },
  }
}
