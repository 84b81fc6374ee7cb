import { expect, test } from 'vitest'
import { isUuid, uuidv7 } from '#core/base/ids.ts'

test('a UUIDv7 has the bits of RFC 9562 appendix A.6', () => {
  // The RFC's example: unix_ts_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
  const random = new Uint8Array([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f])
  expect(uuidv7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
})

test('later ids sort after earlier ones', () => {
  const random = new Uint8Array(10).fill(255)
  expect(uuidv7(1_800_000_000_001, new Uint8Array(10)) > uuidv7(1_800_000_000_000, random)).toBe(true)
})

test.each(['', 'x', '017F22E2-79B0-7CC3-98C4-DC0C0C07398F', "'; drop table x; --"])('%j is no id', (text) =>
  expect(isUuid(text)).toBe(false),
)
