import { expect, test } from 'vitest'
import type { Context } from '#core/platform/context.ts'
import { rowsOf } from '#core/runtime/define-function.ts'
import { testApp } from '#test/support/app.ts'
import { testDatabase } from '#test/support/database.ts'

const { get } = rowsOf<Context>()
/** Long enough for the reply on a busy machine. */
const TIMEOUT_MS = 1500

test('the deadline of a function ends with its reply: a stream lives on beyond it', async () => {
  let signal: AbortSignal | undefined
  const row = get(
    '/stream',
    { summary: 'Streams', callers: 'public', raw: 'text/event-stream' },
    ({ ctx }) => {
      signal = ctx.signal
      const stream = new ReadableStream<string>({
        start(controller) {
          controller.enqueue('early ')
          setTimeout(() => {
            controller.enqueue('late')
            controller.close()
          }, TIMEOUT_MS + 300)
        },
      })
      return new Response(stream.pipeThrough(new TextEncoderStream()), {
        headers: { 'content-type': 'text/event-stream' },
      })
    },
  )
  const { api } = await testApp(await testDatabase(), { timeoutSeconds: TIMEOUT_MS / 1000, rows: [row] })
  const response = await api.raw(new Request('http://127.0.0.1/api/v1/test/stream'))
  expect(await response.text()).toBe('early late')
  expect(signal?.aborted).toBe(false)
})
