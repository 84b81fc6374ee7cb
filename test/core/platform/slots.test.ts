import { describe, expect, test } from 'vitest'
import { jitterMs, slotAt } from '#core/platform/tasks/slots.ts'

describe('slots', () => {
  test.each([
    ['2026-11-24T12:00:00.000Z', 60, '2026-11-24T12:00:00.000Z'],
    ['2026-11-24T12:00:59.999Z', 60, '2026-11-24T12:00:00.000Z'],
    ['2026-11-24T23:59:59.999Z', 86_400, '2026-11-24T00:00:00.000Z'],
    ['2026-11-24T12:00:04.000Z', 5, '2026-11-24T12:00:00.000Z'],
    ['2026-11-24T17:59:00.000Z', 21_600, '2026-11-24T12:00:00.000Z'],
  ])('at %s every %i s it is %s', (now, every, slot) => {
    expect(new Date(slotAt(Date.parse(now), every)).toISOString()).toBe(slot)
  })

  test('start after a delay that is always the same, below a tenth of the period and half a minute', () => {
    for (const every of [5, 60, 3600, 86_400]) {
      const delays = Array.from({ length: 50 }, (_, i) =>
        jitterMs('task', i * every * 1000, { everySeconds: every }),
      )
      expect(Math.max(...delays)).toBeLessThan(Math.min(every * 100, 30_000))
      expect(new Set(delays).size).toBeGreaterThan(20)
      expect(jitterMs('task', 0, { everySeconds: every })).toBe(delays[0])
    }
  })
})
