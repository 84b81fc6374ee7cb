/** Refusals of streams, and what stops the relay. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const streamErrors = {
  stream_limit: { status: 429, title: 'Too many streams are open for this caller' },
} as const satisfies ErrorTable

export const fail = problems(streamErrors)

export const reactorErrors = {
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  out_of_bounds: { status: 422, title: 'The value is outside its bounds' },
} as const satisfies ErrorTable

export const failReactor = problems(reactorErrors)

/** The TEG's outbox contradicts the journal: nothing more is taken from it until an operator has looked. */
export class RelayHalted extends Error {
  readonly code = 'relay_halted'
  constructor(words: string) {
    super(`The relay has stopped taking events of the TEG: ${words}`)
    this.name = 'RelayHalted'
  }
}
