/** The frames of the WebSocket, as JSON texts with a `type`. */
import { z } from 'zod'
import { isPattern, PATTERNS_MAX } from '#core/base/pattern.ts'
import type { FeedEvent } from '#core/platform/event-feed.ts'

const SubscribeFrame = z.strictObject({
  type: z.literal('subscribe'),
  types: z.array(z.string().refine(isPattern)).min(1).max(PATTERNS_MAX),
  /** Events after this index, from the journal; absent: from where the connection is. */
  after: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
})
export type SubscribeFrame = z.infer<typeof SubscribeFrame>

/** What a client may send. */
export const ClientFrame = z.discriminatedUnion('type', [
  SubscribeFrame,
  z.strictObject({ type: z.literal('unsubscribe') }),
  z.strictObject({ type: z.literal('pong') }),
])
export type ClientFrame = z.infer<typeof ClientFrame>

const Count = z.int().min(0)

/** What a client is told about its bounds. */
const FrameLimits = z.strictObject({
  streams_per_caller: Count,
  frame_bytes: Count,
  frames_per_minute: Count,
  pause_bytes: Count,
  close_bytes: Count,
  ping_seconds: Count,
})
export type FrameLimits = Readonly<z.infer<typeof FrameLimits>>

/** Codes of error frames. */
const FrameError = z.enum([
  'malformed_frame',
  'session_ended',
  'too_slow',
  'too_many_frames',
  'shutting_down',
])
export type FrameError = z.infer<typeof FrameError>

/** Close codes beside those of RFC 6455. */
export const closeCodes = { drain: 1012, policy: 1008, tooSlow: 4008, sessionEnded: 4401 } as const

/** What the server sends, but for events. */
export const serverFrames = {
  hello: z.strictObject({
    type: z.literal('hello'),
    connection_id: z.string(),
    /** The journal's newest index. */
    head: Count,
    limits: FrameLimits,
  }),
  /**
   * Indexes that the client believes to have and that come from here on: they don't exist (yet, or any more), or it has asked
   * for events before them. Its cursor goes back to `from - 1`.
   */
  gap: z.strictObject({ type: z.literal('gap'), from: Count, to: Count }),
  metrics: z.strictObject({ type: z.literal('metrics'), metrics: z.record(z.string(), z.unknown()) }),
  ping: z.strictObject({ type: z.literal('ping') }),
  error: z.strictObject({ type: z.literal('error'), code: FrameError, retry_after_ms: Count.optional() }),
}
export type ServerFrame = z.infer<(typeof serverFrames)[keyof typeof serverFrames]>

const frames = new WeakMap<FeedEvent, Buffer>()

/** The frame of an event as it goes over the wire, header included; made once for all sockets, the document's bytes untouched. */
export function eventFrame(event: FeedEvent): Buffer {
  let frame = frames.get(event)
  if (!frame) {
    frame = textFrame(Buffer.from(`{"type":"event","index":${event.index},"event":${event.text}}`))
    frames.set(event, frame)
  }
  return frame
}

/** A whole text frame of a server (RFC 6455, 5.2): final, not masked. */
function textFrame(payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = 0x81
  if (length < 126) head[1] = length
  else if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, payload])
}

/** A client's frame; null when it is malformed. */
export function readFrame(data: Buffer, binary: boolean): ClientFrame | null {
  if (binary) return null
  try {
    return ClientFrame.parse(JSON.parse(data.toString('utf8')))
  } catch {
    return null
  }
}

/** What a client asks for in the address: `after` and `types`, as GET /events/stream takes them; null when it is malformed. */
export function readAsked(search: URLSearchParams): { readonly frame: SubscribeFrame | null } | null {
  const [after, types] = [search.get('after'), search.get('types')]
  if (after === null && types === null) return { frame: null }
  if (after !== null && !/^(?:0|[1-9]\d{0,15})$/.test(after)) return null
  const frame = SubscribeFrame.safeParse({
    type: 'subscribe',
    types: types === null ? ['>'] : types.split(','),
    ...(after === null ? {} : { after: Number(after) }),
  })
  return frame.success ? { frame: frame.data } : null
}
