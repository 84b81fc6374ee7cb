/** Codes of the ways between a host and the functions. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const runtimeErrors = {
  stream_unavailable: {
    status: 501,
    title:
      'This address answers whole replies only: read pages of /events, or a stream at the registry’s host',
  },
} as const satisfies ErrorTable

export const failOnHost = problems(runtimeErrors)
