import { describe, expect, test } from 'vitest'
import { toProblem } from '#core/runtime/reply-problem.ts'

const coded = (code: string) => Object.assign(new Error('of the driver'), { code })

describe('a database that is away', () => {
  test.each([
    ['nothing listens', coded('ECONNREFUSED'), true, 503, 'database_unavailable'],
    ['it starts or recovers', coded('57P03'), true, 503, 'database_unavailable'],
    ['it has no connection left', coded('53300'), true, 503, 'database_unavailable'],
    [
      'the pool waits in vain',
      new Error('timeout exceeded when trying to connect'),
      true,
      503,
      'database_unavailable',
    ],
    ['it goes while a write runs', coded('57P01'), true, 504, 'outcome_unknown'],
    ['the connection breaks in a write', coded('ECONNRESET'), true, 504, 'outcome_unknown'],
    ['the connection breaks in a read', coded('ECONNRESET'), false, 503, 'database_unavailable'],
    ['a bug is no outage', new TypeError('x is not a function'), true, 500, 'internal_error'],
    ['nor is a fault of a statement', coded('42601'), false, 500, 'internal_error'],
  ])('%s', (_what, error, writes, status, code) => {
    const problem = toProblem(error, undefined, writes)
    expect([problem.status, problem.code, problem.cause]).toEqual([status, code, error])
    if (status > 500) expect(problem.headers['retry-after']).toBe('1')
  })
})
