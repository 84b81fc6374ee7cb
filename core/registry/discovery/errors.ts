/** Failures of discovery. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const discoveryErrors = {
  agent_not_found: { status: 404, title: 'There is no such agent' },
} as const satisfies ErrorTable

export const fail = problems(discoveryErrors)
