/** Errors of the way to the TEG; refusals of the gate stand in core/wire/teg.ts. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const tegErrors = {
  teg_unavailable: { status: 503, title: 'The ledger cannot be reached' },
  outcome_unknown: { status: 504, title: 'The ledger did not answer; repeat with the same Idempotency-Key' },
} as const satisfies ErrorTable

export const fail = problems(tegErrors)
