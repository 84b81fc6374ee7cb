/** The live tail as Server-Sent Events: the same events as the pages, from any index, at the reader's own pace. */
import type { EventStoreContext } from '../context.ts'
import { LOOK_AGAIN_MS } from '../open-head-watch.ts'
import { type ListStored, listStoredEvents } from './list-events.ts'

const PAGE = 100
const KEEP_ALIVE_MS = 15_000
const RETRY_MS = 2000
/** Bytes that may wait for a slow reader; the tail reads on when it has taken them. */
const BUFFER_BYTES = 256 * 1024

const encoder = new TextEncoder()

/**
 * A stream of text/event-stream: an event has its index as id, so that Last-Event-ID resumes; `scanned` tells how far
 * was looked where nothing matched. The stream ends when the host drains.
 */
export function openTail(
  ctx: EventStoreContext,
  query: Pick<ListStored, 'after' | 'types' | 'source'>,
): ReadableStream<Uint8Array> {
  let { after } = query
  let quietSince = performance.now()
  let over = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`))
      },
      async pull(controller) {
        while (!over && !ctx.signal.aborted && !ctx.heads.ended()) {
          const page = await listStoredEvents(ctx, { ...query, after, limit: PAGE, waitSeconds: 0 })
          after = page.scanned_to ?? after
          for (const event of page.items)
            controller.enqueue(encoder.encode(`id: ${event.index}\ndata: ${JSON.stringify(event)}\n\n`))
          if (page.items.length > 0) {
            quietSince = performance.now()
            return
          }
          if (page.next_cursor !== null) continue
          if (performance.now() - quietSince > KEEP_ALIVE_MS) {
            quietSince = performance.now()
            const scanned = JSON.stringify({ scanned_to: page.scanned_to, size: page.size })
            controller.enqueue(encoder.encode(`event: scanned\ndata: ${scanned}\n\n`))
            return
          }
          await ctx.heads.wait(page.size, LOOK_AGAIN_MS, ctx.signal)
        }
        if (!over) controller.close()
      },
      cancel() {
        over = true
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  )
}
