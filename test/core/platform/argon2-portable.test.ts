import { createHash } from 'node:crypto'
import { hash as nativeHash, verify as nativeVerify } from '@node-rs/argon2'
import { describe, expect, test } from 'vitest'
import { hash, verify } from '#core/platform/argon2-portable.ts'
import { argon2id } from '#core/platform/argon2id.ts'
import { blake2b } from '#core/platform/blake2b.ts'

const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1, algorithm: 2 } as const
const read = (stored: string) => {
  const [, , , numbers = '', salt = '', tag = ''] = stored.split('$')
  const [, memory, passes] = /m=(\d+),t=(\d+)/.exec(numbers) ?? []
  return { memory: Number(memory), passes: Number(passes), salt: Buffer.from(salt, 'base64'), tag }
}
const passwords = ['', 'correct horse battery staple', 'Grüße 🌍', 'x'.repeat(1000)]

describe('BLAKE2b', () => {
  test.each([0, 1, 63, 64, 127, 128, 129, 255, 256, 1000])('of %i bytes is that of OpenSSL', (length) => {
    const input = Uint8Array.from({ length }, (_, i) => (i * 7) % 256)
    expect(Buffer.from(blake2b(input, 64)).toString('hex')).toBe(
      createHash('blake2b512').update(input).digest('hex'),
    )
  })
})

describe('our argon2id', () => {
  test.each([
    [8, 1],
    [9, 3],
    [31, 2],
    [1024, 3],
    [19_456, 2],
  ])('with %i KiB and %i passes makes the tag that the package makes', async (memoryCost, timeCost) => {
    for (const password of passwords) {
      const stored = await nativeHash(password, { ...cost, memoryCost, timeCost })
      const { memory, passes, salt, tag } = read(stored)
      const made = argon2id(new TextEncoder().encode(password), salt, { memory, passes }, 32)
      expect(Buffer.from(made).toString('base64').replace(/=+$/, '')).toBe(tag)
    }
  })
})

describe('a password of a bundle', () => {
  test.each(passwords)('%j is known to the host, and one of the host to the bundle', async (password) => {
    const ours = await hash(password, cost)
    expect(await nativeVerify(ours, password)).toBe(true)
    const theirs = await nativeHash(password, cost)
    expect(theirs.slice(0, 31)).toBe(ours.slice(0, 31))
    expect(await verify(theirs, password)).toBe(true)
    expect(await verify(theirs, `${password}.`)).toBe(false)
  })

  test('is refused in a form that it can’t be in, rather than compared in part', async () => {
    await expect(verify('$argon2id$v=19$m=19456,t=2,p=2$AAAA$AAAA', 'x')).rejects.toThrow('one lane')
    await expect(hash('x', { ...cost, parallelism: 2 })).rejects.toThrow('one lane')
  })
})
