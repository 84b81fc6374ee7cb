import { describe, expect, test } from 'vitest'
import { judgeOutcome, type Verdict, waitSeconds } from '#core/registry/grants/rules.ts'

describe('grants', () => {
  test.each<[string | null, string, Verdict]>([
    [null, 'active', { kind: 'granted' }],
    ['budget_exhausted', 'active', { kind: 'tomorrow' }],
    ['agent_not_active', 'suspended', { kind: 'due' }],
    ['agent_not_active', 'retired', { kind: 'refused', code: 'agent_not_active' }],
    ['agent_not_found', 'active', { kind: 'due' }],
    ['already_granted', 'active', { kind: 'refused', code: 'already_granted' }],
  ])('the outcome %s for an agent that is %s', (code, status, verdict) => {
    const error = code === null ? null : { code, detail: '' }
    expect(judgeOutcome({ ok: code === null, replayed: false, transfer: null, error }, status)).toEqual(
      verdict,
    )
  })
  test.each([
    [0, 60],
    [1, 120],
    [5, 1920],
    [6, 3600],
    [1_000_000, 3600],
  ])('after %i attempts it waits %i seconds', (attempts, seconds) => {
    expect(waitSeconds(attempts)).toBe(seconds)
  })
})
