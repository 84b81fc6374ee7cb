/** The witness (c2sp.org/tlog-witness): cosigns checkpoints of the other logs that the operator has named. */
import { z } from 'zod'
import type { EventStoreContext } from '#core/event-store/context.ts'
import { addCheckpoint } from '#core/event-store/witness/add-checkpoint.ts'
import { witnessErrors } from '#core/event-store/witness/errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { post } = rowsOf<EventStoreContext>()

export default defineFunction<EventStoreContext>({
  tag: 'event-store-witness',
  timeoutSeconds: 10,
  bodyLimitBytes: 128 * 1024,
  rows: [
    post(
      '/add-checkpoint',
      {
        summary: 'Cosigns a checkpoint that is shown to add to the one cosigned before',
        callers: 'public',
        uncounted: true,
        idempotency: 'none',
        text: true,
        body: z.string(),
        raw: 'text/plain',
        errors: [witnessErrors],
      },
      async ({ ctx, body }) => {
        const cosigned = await addCheckpoint(ctx, body)
        if ('lines' in cosigned)
          return new Response(cosigned.lines, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
        return new Response(`${cosigned.size}\n`, {
          status: 409,
          headers: { 'content-type': 'text/x.tlog.size' },
        })
      },
    ),
  ],
})
