/** One WebSocket: its subscription, its pace, its life. Truth is the journal's index; the socket only carries it. */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Caller } from '#core/base/caller.ts'
import type { EventFeed, FeedEvent, Follower } from '#core/platform/event-feed.ts'
import {
  type ClientFrame,
  closeCodes,
  eventFrame,
  type FrameError,
  type FrameLimits,
  readFrame,
  type ServerFrame,
  type SubscribeFrame,
} from './socket-frames.ts'

/** Malformed frames that a client may send before it is let go. */
const MALFORMED_MAX = 5
/** A socket paused for so long is closed: it resumes later, from the index that it is told. */
const STALLED_MS = 60_000
const MINUTE_MS = 60_000
/**
 * Live events wait so long for a first `subscribe`, from the moment on in which the client is known to have hello (it has
 * answered the ping behind it): one that resumes at once never gets an event of the head before those it has missed, however
 * long its line is. Nothing is lost by it, the journal is read from the head named in hello.
 */
const GRACE_MS = 500

export interface ConnectionSpec {
  readonly socket: WebSocket
  /** What it runs over: frames of events, which are the same for all sockets, are written there as they are. */
  readonly wire: Duplex
  readonly id: string
  readonly caller: Caller
  /** The index named in hello. */
  readonly head: bigint
  readonly feed: EventFeed
  readonly limits: FrameLimits
  /** What the client has asked for in the address; null: it is waited for a frame, and after the grace all is given. */
  readonly asked: SubscribeFrame | null
  readonly graceMs?: number
}

/** What a client is told beside the code, in the close frame's reason. */
export interface EndReason {
  readonly retry_after_ms?: number
  readonly last_index?: number
}

export interface Connection {
  readonly socket: WebSocket
  /** Sends metrics; a slow socket gets only the newest ones. */
  metrics(values: Record<string, unknown>): void
  /** Pings, and ends a socket that is dead or stalled. */
  beat(): void
  /** Closes it with an error frame, which also holds the `retry_after_ms` of a reason. */
  end(code: number, error: FrameError, reason?: EndReason): void
}

/** Takes a fresh socket: says hello and follows the journal from there. */
export function holdConnection(spec: ConnectionSpec): Connection {
  const { socket, wire, caller, feed, limits } = spec
  let follower: Follower | null = null
  let pausedAt: number | null = null
  let latestMetrics: Record<string, unknown> | null = null
  let alive = true
  let malformed = 0
  const window = { start: performance.now(), frames: 0 }
  let turn: Promise<void> = Promise.resolve()
  /** The last index that the client was given. */
  let given = 0n

  // Bytes that the kernel has not taken, ours and those that ws has written.
  const buffered = () => Math.max(socket.bufferedAmount, wire.writableLength)

  const send = (frame: ServerFrame) => {
    if (socket.readyState === socket.OPEN) socket.send(Buffer.from(JSON.stringify(frame)), { binary: false })
  }
  let corked = false
  const uncork = () => {
    corked = false
    wire.uncork()
  }
  /** ws never holds half a frame back, so whole ones fit between its own. Events of one moment travel in one write. */
  const writeEvent = (frame: Buffer, more: boolean) => {
    if (more && !corked) {
      corked = true
      wire.cork()
      queueMicrotask(uncork)
    }
    wire.write(frame)
  }
  const drained = () => {
    pausedAt = null
    if (latestMetrics) {
      send({ type: 'metrics', metrics: latestMetrics })
      latestMetrics = null
    }
    follower?.resume()
  }
  const end: Connection['end'] = (code, error, reason) => {
    if (socket.readyState !== socket.OPEN) return
    follower?.stop()
    // Browsers hide no frame, but many clients never look at a close frame's reason.
    const retry = reason?.retry_after_ms
    send({ type: 'error', code: error, ...(retry === undefined ? {} : { retry_after_ms: retry }) })
    socket.close(code, JSON.stringify(reason ?? { code: error }))
  }
  const deliver = (event: FeedEvent, more: boolean): boolean => {
    if (socket.readyState !== socket.OPEN) return false
    const frame = eventFrame(event)
    if (buffered() + frame.length > limits.close_bytes) {
      end(closeCodes.tooSlow, 'too_slow', { last_index: Number(event.index) - 1 })
      return false
    }
    writeEvent(frame, more)
    given = event.index
    if (buffered() < limits.pause_bytes) return true
    pausedAt ??= performance.now()
    return false
  }
  const follow = (after: bigint, types: readonly string[] | null) => {
    follower?.stop()
    follower = feed.follow({ caller, after, types, deliver })
  }

  const take = async (frame: ClientFrame | null) => {
    if (frame === null) {
      if (++malformed >= MALFORMED_MAX) end(closeCodes.policy, 'malformed_frame')
      else send({ type: 'error', code: 'malformed_frame' })
      return
    }
    if (frame.type === 'pong') return heard()
    const untouched = graceful
    endGrace()
    if (frame.type === 'unsubscribe') {
      follower?.stop()
      follower = null
      return
    }
    const head = await feed.head()
    if (socket.readyState !== socket.OPEN) return
    const here = follower?.position() ?? (untouched ? spec.head : head)
    const asked = frame.after === undefined ? here : BigInt(frame.after)
    // The client has seen more than this journal holds: it must learn that those indexes will come again.
    const ahead = frame.after !== undefined && asked > head
    if (ahead) send({ type: 'gap', from: Number(head) + 1, to: frame.after as number })
    // It was given later events already: they come again behind those that it asks for, and its cursor goes back.
    else if (asked < given) send({ type: 'gap', from: Number(asked) + 1, to: Number(given) })
    given = 0n
    follow(ahead ? head : asked, frame.types)
  }

  let graceful = spec.asked === null
  let grace: NodeJS.Timeout | undefined
  const endGrace = () => {
    graceful = false
    clearTimeout(grace)
  }
  const giveAll = () => {
    if (!graceful) return
    endGrace()
    follow(spec.head, null)
  }
  /** The client is there and has read hello. */
  const heard = () => {
    alive = true
    if (graceful) grace ??= setTimeout(giveAll, spec.graceMs ?? GRACE_MS)
  }
  // In order, so that an answer tells that all frames before it have taken effect. Where the journal can't be read,
  // the client comes back and asks again.
  const takeInTurn = (frame: ClientFrame | null) => {
    turn = turn.then(() => take(frame)).catch(() => socket.terminate())
  }

  socket.on('message', (data, binary) => {
    alive = true
    if (performance.now() - window.start > MINUTE_MS) {
      window.start = performance.now()
      window.frames = 0
    }
    if (++window.frames > limits.frames_per_minute) return end(closeCodes.policy, 'too_many_frames')
    takeInTurn(readFrame(data as Buffer, binary))
  })
  // A pause is at more than the stream's own mark, so that its end is always told.
  wire.on('drain', drained)
  socket.on('pong', heard)
  socket.on('close', () => {
    endGrace()
    wire.off('drain', drained)
    follower?.stop()
  })
  // What goes wrong on the wire ends in close; without a listener it would end the process.
  socket.on('error', () => undefined)

  send({ type: 'hello', connection_id: spec.id, head: Number(spec.head), limits })
  if (spec.asked) takeInTurn(spec.asked)
  else socket.ping()

  return {
    socket,
    metrics(values) {
      if (buffered() < limits.pause_bytes) send({ type: 'metrics', metrics: values })
      else latestMetrics = values
    },
    beat() {
      if (!alive) return socket.terminate()
      if (pausedAt !== null && performance.now() - pausedAt > STALLED_MS)
        return end(closeCodes.tooSlow, 'too_slow', { last_index: Number(follower?.position() ?? spec.head) })
      // It answers nothing of the protocol, but it is there: it has had its time.
      giveAll()
      alive = false
      socket.ping()
      send({ type: 'ping' })
    },
    end,
  }
}
