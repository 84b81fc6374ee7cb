/** Rows of /operator/journal: where journal and forwarder stand, and what an operator says after a restore. */
import type { RegistryContext } from '#core/registry/context.ts'
import { resendEvents } from '#core/registry/forward/resend-events.ts'
import { declareRestore } from '#core/registry/stream/declare-restore.ts'
import { declareRestoredTeg } from '#core/registry/stream/declare-restored-teg.ts'
import { readJournal } from '#core/registry/stream/read-journal.ts'
import { JournalState, ReasonBody } from '#core/registry/stream/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post } = rowsOf<RegistryContext>()
const callers = ['operator'] as const

export default defineFunction<RegistryContext>({
  tag: 'journal',
  rows: [
    get(
      '/',
      {
        summary: 'Where the journal stands, in which life, and how far the EventStore has been told',
        callers,
        reply: JournalState,
      },
      ({ ctx }) => readJournal(ctx),
    ),
    post(
      '/restored',
      {
        summary: 'Say that the database was restored from a backup: its sources go on under new names',
        callers,
        body: ReasonBody,
        reply: JournalState,
      },
      ({ ctx, body }) => declareRestore(ctx, body.reason),
    ),
    post(
      '/teg-restored',
      {
        summary:
          'Say that the TEG was restored from a backup: its events go on under a new name, from the last one that both hold',
        callers,
        body: ReasonBody,
        reply: JournalState,
      },
      ({ ctx, body }) => declareRestoredTeg(ctx, body.reason),
    ),
    post(
      '/resend',
      {
        summary:
          'Tell the whole journal to the EventStore again: to another one, or to one that has lost events',
        callers,
        body: ReasonBody,
        reply: JournalState,
      },
      ({ ctx, body }) => resendEvents(ctx, body.reason),
    ),
  ],
})
