/** Probes of the TEG: alive, and ready when its database answers. */
import { z } from 'zod'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import type { TegContext } from '#core/teg/context.ts'
import { checkReady } from '#core/teg/ledger/check-ready.ts'
import { ledgerErrors } from '#core/teg/ledger/errors.ts'

const { get } = rowsOf<TegContext>()

export default defineFunction<TegContext>({
  tag: 'teg-health',
  timeoutSeconds: 5,
  rows: [
    get(
      '/livez',
      {
        summary: 'The process answers',
        callers: 'public',
        uncounted: true,
        reply: z.strictObject({ status: z.literal('alive') }),
      },
      () => ({ status: 'alive' }),
    ),
    get(
      '/readyz',
      {
        summary: 'The database answers',
        callers: 'public',
        uncounted: true,
        reply: z.strictObject({ status: z.literal('ready') }),
        errors: [ledgerErrors],
      },
      ({ ctx }) => checkReady(ctx),
    ),
  ],
})
