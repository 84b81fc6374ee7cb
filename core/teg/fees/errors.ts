/** Errors of the fee rates. */
import { type ErrorTable, problems } from '#core/base/errors.ts'
import { gateErrors } from '#core/wire/teg.ts'

export const feeErrors = { out_of_bounds: gateErrors.out_of_bounds } as const satisfies ErrorTable

export const fail = problems(feeErrors)
