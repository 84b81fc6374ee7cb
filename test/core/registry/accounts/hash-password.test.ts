import { describe, expect, test } from 'vitest'
import { inTransactionScope } from '#core/platform/database/scope.ts'
import {
  HASHES_AT_ONCE,
  HASHES_WAITING_MAX,
  hashPassword,
  isOutdated,
  verifyPassword,
} from '#core/registry/accounts/hash-password.ts'

describe('passwords', () => {
  test('are kept as argon2id of OWASP parameters, salted, and told right from wrong', async () => {
    const [one, two] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(two)
    expect(await verifyPassword(one, 'correct horse')).toBe(true)
    expect(await verifyPassword(one, 'correct Horse')).toBe(false)
    expect([isOutdated(one), isOutdated('$argon2id$v=19$m=4096,t=3,p=1$AAAA$AAAA')]).toEqual([false, true])
  })

  test('are one password however a keyboard composes its letters', async () => {
    expect(await verifyPassword(await hashPassword('caf\u00e9 caf\u00e9 1'), 'cafe\u0301 cafe\u0301 1')).toBe(
      true,
    )
  })

  test('are never right where there is no account or a deleted one', async () => {
    for (const stored of [null, '']) expect(await verifyPassword(stored, '')).toBe(false)
  })

  test('are refused with 503 overloaded and Retry-After beyond the queue, and the queued ones are answered', async () => {
    const places = HASHES_AT_ONCE + HASHES_WAITING_MAX
    const asked = await Promise.allSettled(
      Array.from({ length: places + 5 }, () => verifyPassword(null, 'whatever')),
    )
    expect(asked.slice(0, places).every((one) => one.status === 'fulfilled' && one.value === false)).toBe(
      true,
    )
    for (const one of asked.slice(places))
      expect(one).toMatchObject({
        status: 'rejected',
        reason: { status: 503, code: 'overloaded', headers: { 'retry-after': '2' } },
      })
    expect(await verifyPassword(null, 'whatever')).toBe(false)
  })

  test('are never hashed inside a transaction', async () => {
    await expect(inTransactionScope(() => hashPassword('correct horse'))).rejects.toThrow(/inside a database/)
  })
})
