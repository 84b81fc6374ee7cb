/** What can go wrong with agents, in the public's words. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const agentErrors = {
  email_not_verified: { status: 403, title: 'The e-mail address of the account is not verified' },
  not_owner: { status: 403, title: 'The agent belongs to somebody else' },
  suspended_by_operator: { status: 403, title: 'An operator has suspended the agent' },
  agent_not_found: { status: 404, title: 'There is no such agent' },
  agent_not_active: { status: 409, title: 'The agent is not active' },
  agent_not_empty: { status: 409, title: 'The agent still has AVT' },
  slug_taken: { status: 409, title: 'The slug belongs to another agent' },
  same_agent: { status: 422, title: 'An agent cannot leave its balance to itself' },
  teg_unavailable: { status: 503, title: 'The token gateway cannot be reached; nothing was done' },
  outcome_unknown: { status: 504, title: 'The token gateway did not answer in time; try again' },
} as const satisfies ErrorTable

export const fail = problems(agentErrors)
