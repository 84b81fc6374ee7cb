import { expect, test } from 'vitest'
import { refuseRating } from '#core/registry/ratings/rules.ts'
import type { Transfer } from '#core/wire/teg.ts'

const transfer: Transfer = {
  id: '01900000-0000-7000-8000-00000000000a',
  status: 'completed',
  route: 'local',
  from_agent: '01900000-0000-7000-8000-00000000000b',
  from_did: 'did:web:a',
  to_agent: null,
  to_did: 'did:web:b',
  amount: '1',
  fee: '0.005',
  net: '0.995',
  fee_rate: '0.005',
  memo: null,
  reference: null,
  failure_code: null,
  refund_of: null,
  created_at: '2026-03-01T10:00:00Z',
  completed_at: '2026-03-01T10:00:00Z',
}

test.each<[string, Partial<Transfer>, RegExp | null]>([
  ['a completed transfer', {}, null],
  ['a completed crossing', { route: 'cross_registry' }, null],
  ['one on its way', { status: 'pending', completed_at: null }, /pending/],
  ['one that failed', { status: 'failed', failure_code: 'no_route' }, /failed/],
  ['a refund', { refund_of: transfer.id }, /refund/],
])('%s', (_title, change, words) => {
  const reason = refuseRating({ ...transfer, ...change })
  if (words) expect(reason).toMatch(words)
  else expect(reason).toBeNull()
})
