/** Refusals of payment tokens: issue, redemption, cancellation, expiry. */
import { cancelToken, expireToken, issueToken, newAgent, redeemToken } from '#test/support/teg.ts'
import { holder, keyOf, type Refusal, type RefusalWorld } from './refusal-world.ts'

export const refusalsOfTokens = ({ a, id }: RefusalWorld): Refusal[] => [
  ['token of an unknown payer', 'agent_not_found', false, () => issueToken(newAgent(), a('other'), '1')],
  ['token for an unknown payee', 'agent_not_found', true, () => issueToken(a('rich'), newAgent(), '1')],
  ['token for itself', 'same_agent', true, () => issueToken(a('rich'), a('rich'), '1')],
  ['token below 0.0001', 'amount_out_of_range', true, () => issueToken(a('rich'), a('other'), '0.000099')],
  ['token of a frozen payer', 'agent_not_active', true, () => issueToken(a('frozen'), a('other'), '1')],
  ['token for a closed payee', 'agent_not_active', true, () => issueToken(a('rich'), a('closed'), '1')],
  [
    'token beyond what is available',
    'insufficient_funds',
    true,
    () => issueToken(a('poor'), a('other'), '1.000001'),
  ],
  [
    'token beyond the limit of its key',
    'limit_exceeded',
    true,
    () => issueToken(a('rich'), a('other'), '2', { limits: keyOf({ per_transfer: '1' }) }),
  ],
  ['redemption of an unknown token', 'not_found', true, () => redeemToken(a('other'), newAgent())],
  [
    'redemption by another than the payee',
    'audience_mismatch',
    true,
    () => redeemToken(a('poor'), id('held')),
  ],
  ['second redemption', 'token_redeemed', true, () => redeemToken(a('other'), id('redeemed'))],
  [
    'redemption of a cancelled token',
    'token_cancelled',
    true,
    () => redeemToken(a('other'), id('cancelled')),
  ],
  ['redemption after the expiry', 'token_expired', true, () => redeemToken(a('other'), id('expired'))],
  [
    'redemption of more than was held',
    'amount_out_of_range',
    true,
    () => redeemToken(a('other'), id('held'), '2.000001'),
  ],
  [
    'redemption of less than 0.0001',
    'amount_out_of_range',
    true,
    () => redeemToken(a('other'), id('held'), '0.000099'),
  ],
  ['redemption from a frozen payer', 'agent_not_active', true, () => redeemToken(a('other'), id('ofFrozen'))],
  ['cancellation of an unknown token', 'not_found', false, () => cancelToken(a('rich'), newAgent())],
  ['cancellation by the payee', 'not_found', false, () => cancelToken(a('other'), id('held'))],
  ['cancellation of a redeemed token', 'token_redeemed', false, () => cancelToken(a('rich'), id('redeemed'))],
  ['cancellation after the expiry', 'token_expired', false, () => cancelToken(a('rich'), id('expired'))],
  ['voiding a token of another payer', 'not_found', false, () => expireToken(a('poor'), id('expired'))],
  ['token for a frozen payee', 'agent_not_active', true, () => issueToken(a('rich'), a('frozen'), '1')],
  ['redemption by a frozen payee', 'agent_not_active', true, () => redeemToken(a('icy'), id('forFrozen'))],
  ['redemption by an unknown account', 'agent_not_found', false, () => redeemToken(newAgent(), id('held'))],
  ['cancellation by an unknown account', 'agent_not_found', false, () => cancelToken(newAgent(), id('held'))],
  [
    'voiding by a holder that was replaced',
    'stale_epoch',
    false,
    () => expireToken(a('idle'), id('due'), holder('6')),
  ],
]
