/** Refusals of mint and burn, without minting authority and with it. */
import { burn, mint, newAgent } from '#test/support/teg.ts'
import type { Refusal, RefusalWorld } from './refusal-world.ts'

export const refusalsWithoutAuthority = ({ a }: RefusalWorld): Refusal[] => [
  ['mint without authority', 'minting_disabled', false, () => mint(a('poor'), '1')],
  ['burn without authority', 'minting_disabled', false, () => burn(null, '1')],
  ['mint to an unknown agent', 'agent_not_found', false, () => mint(newAgent(), '1')],
]

export const refusalsWithAuthority = ({ a }: RefusalWorld): Refusal[] => [
  ['mint of 0', 'amount_out_of_range', true, () => mint(a('poor'), '0')],
  ['mint above 2^53 - 1', 'amount_out_of_range', true, () => mint(null, '9007199254.740992')],
  ['mint to a frozen agent', 'agent_not_active', true, () => mint(a('frozen'), '1')],
  ['mint to a closed agent', 'agent_not_active', true, () => mint(a('closed'), '1')],
  ['burn of 0', 'amount_out_of_range', true, () => burn(a('poor'), '0')],
  ['burn of a closed agent', 'agent_not_active', true, () => burn(a('closed'), '1')],
  ['burn of an unknown agent', 'agent_not_found', false, () => burn(newAgent(), '1')],
  ['burn beyond the funds of an agent', 'insufficient_funds', true, () => burn(a('poor'), '1.000001')],
  // Half of its AVT.
  ['burn of what is held', 'insufficient_funds', true, () => burn(a('holding'), '0.500001')],
  ['burn beyond the treasury', 'insufficient_funds', true, () => burn(null, '1000')],
]
