/** What can go wrong with agents, in the public's words. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const agentErrors = {
  email_not_verified: { status: 403, title: 'The e-mail address of the account is not verified' },
  not_owner: { status: 403, title: 'The agent belongs to somebody else' },
  suspended_by_operator: { status: 403, title: 'An operator has suspended the agent' },
  agent_not_found: { status: 404, title: 'There is no such agent' },
  agent_not_active: { status: 409, title: 'The agent is not active' },
  slug_taken: { status: 409, title: 'The slug belongs to another agent' },
} as const satisfies ErrorTable

export const fail = problems(agentErrors)
