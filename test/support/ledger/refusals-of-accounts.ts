/** Refusals of openings, changes of status and grants. */
import { grant, newAgent, openAccount, setStatus } from '#test/support/teg.ts'
import { DEVELOPER, holder, type Refusal, type RefusalWorld } from './refusal-world.ts'

export const refusalsOfAccounts = ({ a }: RefusalWorld): Refusal[] => [
  ['status of an unknown account', 'agent_not_found', false, () => setStatus(newAgent(), 1, 'frozen')],
  ['closing with a balance', 'agent_not_empty', false, () => setStatus(a('poor'), 5, 'closed')],
  [
    'closing into an unknown agent',
    'agent_not_found',
    false,
    () => setStatus(a('poor'), 5, 'closed', newAgent()),
  ],
  ['closing into itself', 'same_agent', false, () => setStatus(a('poor'), 5, 'closed', a('poor'))],
  [
    'closing into a frozen agent',
    'agent_not_active',
    false,
    () => setStatus(a('poor'), 5, 'closed', a('frozen')),
  ],
  [
    'closing a frozen account that holds AVT',
    'agent_not_active',
    false,
    () => setStatus(a('frozen'), 5, 'closed', a('poor')),
  ],
  [
    'grant beyond the budget of the day',
    'budget_exhausted',
    false,
    () => grant(a('poor'), '1', newAgent(), '0'),
  ],
  ['second grant of a developer', 'already_granted', false, () => grant(a('poor'), '1', DEVELOPER)],
  ['grant to an unknown agent', 'agent_not_found', false, () => grant(newAgent(), '1')],
  ['grant to a frozen agent', 'agent_not_active', false, () => grant(a('frozen'), '1')],
  ['grant of 0', 'amount_out_of_range', false, () => grant(a('poor'), '0')],
  [
    'account opened again with another owner',
    'idempotency_key_reused',
    false,
    () => ({ ...openAccount(a('poor')), owner: newAgent() }),
  ],
  [
    'did that another account has',
    'idempotency_key_reused',
    false,
    () => ({ ...openAccount(newAgent()), did: openAccount(a('poor')).did }),
  ],
  ['closing with a hold', 'agent_not_empty', false, () => setStatus(a('rich'), 5, 'closed', a('poor'))],
  [
    'status from a holder that was replaced',
    'stale_epoch',
    false,
    () => ({ ...setStatus(a('poor'), 5, 'frozen'), fence: holder('6') }),
  ],
  [
    'grant from a holder that was replaced',
    'stale_epoch',
    false,
    () => ({ ...grant(a('poor'), '1'), fence: holder('6') }),
  ],
]
