/** Refusals of the witness, with the statuses of c2sp.org/tlog-witness. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const witnessErrors = {
  checkpoint_not_signed: {
    status: 403,
    title: 'No key that is trusted for that log has signed the checkpoint',
  },
  checkpoint_conflict: { status: 409, title: 'The checkpoint contradicts the one that was cosigned before' },
  proof_invalid: { status: 422, title: 'The consistency proof does not verify' },
} as const satisfies ErrorTable

export const fail = problems(witnessErrors)
