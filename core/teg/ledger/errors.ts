/** Errors of the ledger that are no outcome of a command. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const ledgerErrors = {
  overloaded: { status: 503, title: 'The TEG is at its limit; nothing was done' },
  ledger_unavailable: { status: 503, title: 'The ledger did not answer; repeat the same command' },
} as const satisfies ErrorTable

export const fail = problems(ledgerErrors)
