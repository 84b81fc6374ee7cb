/** What can go wrong with transfers before the gate; the gate's own refusals stand in core/wire/teg.ts. */
import { type ErrorTable, Problem, problems } from '#core/base/errors.ts'
import { gateErrors } from '#core/wire/teg.ts'

export const transferErrors = {
  ...gateErrors,
  not_owner: { status: 403, title: 'This belongs to somebody else' },
} as const satisfies ErrorTable

export const fail = problems(transferErrors)

/** The Problem of a refusal of the gate, with the gate's code and words; `replayed` marks a first answer given again. */
export function refusal(error: { code: string; detail: string }, replayed: boolean): Problem {
  const row = (transferErrors as ErrorTable)[error.code]
  if (!row) throw new Error(`the gate refused with the unknown code ${error.code}`)
  const headers: Record<string, string> = replayed ? { 'idempotency-replayed': 'true' } : {}
  return new Problem(error.code, row, error.detail, { headers })
}
