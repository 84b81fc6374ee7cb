/** Opens the SSE twin of the WebSocket: the same events, from any index, for as long as the credential is good. */
import { principalOf } from '#core/base/caller.ts'
import { fail as failCommon } from '#core/base/errors.ts'
import { backgroundCall } from '#core/platform/background-call.ts'
import {
  type FeedEvent,
  type Follower,
  STREAMS_PER_PRINCIPAL,
  STREAMS_TOTAL,
} from '#core/platform/event-feed.ts'
import { sameRights, watchCredential } from '#core/platform/watch-credential.ts'
import { readCaller } from '../accounts/read-caller.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'

/** Bytes that may wait for a slow client; then its follower pauses and goes on from the journal later. */
export const SSE_BUFFER_BYTES = 256 * 1024
const KEEP_ALIVE_MS = 15_000
/** A client that takes nothing for so long is let go; it comes back with Last-Event-ID. */
const STALLED_MS = 60_000
const RETRY_MS = 2000

export interface EventStreamRequest {
  readonly after: bigint | undefined
  readonly lastEventId: string | undefined
  readonly types: readonly string[] | null
  /** The bearer token, watched while the stream is open. */
  readonly credential: string
}

const encoder = new TextEncoder()
const frames = new WeakMap<FeedEvent, Uint8Array>()

/** One event as the WebSocket's frame, with its index as id. */
function frameOf(event: FeedEvent): Uint8Array {
  let bytes = frames.get(event)
  if (!bytes) {
    const { index, text } = event
    bytes = encoder.encode(`id: ${index}\ndata: {"type":"event","index":${index},"event":${text}}\n\n`)
    frames.set(event, bytes)
  }
  return bytes
}

const named = (event: string, data: Record<string, unknown>) =>
  encoder.encode(`event: ${event}\ndata: ${JSON.stringify({ type: event, ...data })}\n\n`)

/**
 * A stream of text/event-stream: `hello` {connection_id, head, limits}, then events (id = index, data = the frame of
 * the WebSocket), `gap` {from, to} when the client was ahead of the journal, comments as keep-alive, and `error` {code, retry_after_ms on a stop} before the server ends it. Resume with Last-Event-ID.
 * @throws 400 validation_failed, 429 stream_limit, 503 overloaded
 */
export async function openEventStream(
  ctx: RegistryContext,
  request: EventStreamRequest,
): Promise<ReadableStream<Uint8Array>> {
  const from = readLastEventId(request.lastEventId) ?? request.after
  const head = await ctx.feed.head()
  const leave = takePlace(ctx)
  const hello = named('hello', {
    connection_id: ctx.newId(),
    head: Number(head),
    limits: { streams_per_caller: STREAMS_PER_PRINCIPAL, buffer_bytes: SSE_BUFFER_BYTES },
  })
  const endings: (() => void)[] = [leave]
  let follower: Follower | null = null
  let over = false
  const release = () => {
    over = true
    for (const end of endings.splice(0)) end()
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const finish = (code: string, retryMs?: number) => {
          if (over) return
          release()
          // An EventSource waits so long by itself before it connects again.
          if (retryMs !== undefined) controller.enqueue(encoder.encode(`retry: ${retryMs}\n`))
          const hint = retryMs === undefined ? {} : { retry_after_ms: retryMs }
          controller.enqueue(named('error', { code, ...hint }))
          controller.close()
        }
        // Spread, so that all clients do not come back in one moment.
        const sendAway = () => {
          const spread = Buffer.from(ctx.random(2)).readUInt16BE() / 65536
          finish('shutting_down', Math.round(RETRY_MS * (1 + spread)))
        }
        const hasRoom = () => (controller.desiredSize ?? 0) > 0
        let lastRoom = performance.now()
        controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`))
        controller.enqueue(hello)
        // The client has seen more than this journal holds: it must learn that those indexes will come again.
        if (from !== undefined && from > head)
          controller.enqueue(named('gap', { from: Number(head) + 1, to: Number(from) }))
        follower = ctx.feed.follow({
          caller: ctx.caller,
          after: from === undefined || from > head ? head : from,
          types: request.types,
          deliver(event) {
            controller.enqueue(frameOf(event))
            return hasRoom()
          },
        })
        endings.push(follower.stop)
        const keepAlive = setInterval(() => {
          if (hasRoom()) {
            lastRoom = performance.now()
            controller.enqueue(encoder.encode(': keep-alive\n\n'))
          } else if (performance.now() - lastRoom > STALLED_MS) finish('too_slow')
        }, KEEP_ALIVE_MS)
        keepAlive.unref()
        endings.push(() => clearInterval(keepAlive))
        endings.push(
          watchCredential({
            token: request.credential,
            now: ctx.clock.now,
            check: async () => {
              const call = { ...ctx, ...backgroundCall(ctx, 'event-stream', ctx.signal) }
              return sameRights(ctx.caller, await readCaller(call, request.credential))
            },
            onEnd: () => finish('session_ended'),
          }),
        )
        endings.push(ctx.feed.onClose(sendAway))
        const onAbort = () => {
          if (over) return
          release()
          controller.close()
        }
        ctx.signal.addEventListener('abort', onAbort, { once: true })
        endings.push(() => ctx.signal.removeEventListener('abort', onAbort))
        if (ctx.signal.aborted) onAbort()
      },
      pull() {
        follower?.resume()
      },
      cancel: release,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: SSE_BUFFER_BYTES }),
  )
}

function takePlace(ctx: RegistryContext): () => void {
  const place = ctx.feed.enter(principalOf(ctx.caller) ?? 'anonymous')
  if (place === 'principal')
    throw fail('stream_limit', `A caller may hold ${STREAMS_PER_PRINCIPAL} streams open.`, {
      extra: { limit: STREAMS_PER_PRINCIPAL },
    })
  if (place === 'total')
    throw failCommon('overloaded', `${STREAMS_TOTAL} streams are open; nothing was done.`, {
      headers: { 'retry-after': '5' },
      extra: { limit: 'streams' },
    })
  return place
}

function readLastEventId(text: string | undefined): bigint | undefined {
  if (text === undefined || text === '') return undefined
  if (/^(0|[1-9][0-9]{0,14})$/.test(text)) return BigInt(text)
  throw failCommon('validation_failed', 'Last-Event-ID must be an index of the journal.', {
    errors: [{ pointer: 'header:Last-Event-ID', code: 'malformed', detail: 'must be a whole number' }],
  })
}
