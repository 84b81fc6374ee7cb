import { describe, expect, test } from 'vitest'
import { gatherLookups } from '#core/platform/database/gather-lookups.ts'
import { networkOf } from '#core/platform/network-of.ts'

describe('gathered look-ups', () => {
  test('fail together when a statement hangs, and the next ones are asked anew', async () => {
    let asked = 0
    const find = (keys: string[], signal: AbortSignal) =>
      ++asked > 1
        ? Promise.resolve(keys)
        : new Promise<string[]>((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
          })
    const look = gatherLookups(find, (row) => row, 20)
    const both = await Promise.allSettled([look('a'), look('b')])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await look('c')).toBe('c')
  })
})

describe('the network of an address', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff::', '2001:db8:1:2::/64'],
    ['not an address', 'not an address'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})
