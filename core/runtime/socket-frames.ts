/** The frames of the WebSocket, as JSON texts with a `type`. */
import { z } from 'zod'
import { isPattern, PATTERNS_MAX } from '#core/base/pattern.ts'
import type { FeedEvent } from '#core/platform/event-feed.ts'

/** What a client may send. */
export const ClientFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('subscribe'),
    types: z.array(z.string().refine(isPattern)).min(1).max(PATTERNS_MAX),
    /** Events after this index, from the journal; absent: from where the connection is. */
    after: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  z.strictObject({ type: z.literal('unsubscribe') }),
  z.strictObject({ type: z.literal('pong') }),
])
export type ClientFrame = z.infer<typeof ClientFrame>

/** What a client is told about its bounds. */
export interface FrameLimits {
  readonly streams_per_caller: number
  readonly frame_bytes: number
  readonly frames_per_minute: number
  readonly pause_bytes: number
  readonly close_bytes: number
  readonly ping_seconds: number
}

/** Codes of error frames. */
export type FrameError =
  | 'malformed_frame'
  | 'session_ended'
  | 'too_slow'
  | 'too_many_frames'
  | 'shutting_down'

/** Close codes beside those of RFC 6455. */
export const closeCodes = { drain: 1012, policy: 1008, tooSlow: 4008, sessionEnded: 4401 } as const

/** What the server sends, but for events. */
export type ServerFrame =
  | { type: 'hello'; connection_id: string; head: number; limits: FrameLimits }
  | { type: 'gap'; from: number; to: number }
  | { type: 'metrics'; metrics: Record<string, unknown> }
  | { type: 'ping' }
  | { type: 'error'; code: FrameError; retry_after_ms?: number }

const frames = new WeakMap<FeedEvent, Buffer>()

/** The frame of an event; made once for all sockets, the document's bytes untouched. */
export function eventFrame(event: FeedEvent): Buffer {
  let frame = frames.get(event)
  if (!frame) {
    frame = Buffer.from(`{"type":"event","index":${event.index},"event":${event.text}}`)
    frames.set(event, frame)
  }
  return frame
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
