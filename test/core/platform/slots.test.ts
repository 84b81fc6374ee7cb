import { describe, expect, test } from 'vitest'
import {
  countSlots,
  jitterMs,
  latestSlot,
  nextSlots,
  slotAt,
  slotsBetween,
} from '#core/platform/tasks/slots.ts'

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

describe('a cron expression in a time zone', () => {
  test.each([
    // In spring the hour from two to three does not exist: the first moment after it.
    [
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'],
    ],
    // In autumn it comes twice: once.
    [
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ],
    [
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T12:00:00Z',
      ['2026-03-08T07:00:00.000Z', '2026-03-09T06:30:00.000Z'],
    ],
    [
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T12:00:00Z',
      ['2026-11-01T05:30:00.000Z', '2026-11-02T06:30:00.000Z'],
    ],
    // Half an hour of summer time.
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00:00Z',
      ['2026-10-03T15:30:00.000Z', '2026-10-04T15:15:00.000Z'],
    ],
    ['0 0 1 * *', 'UTC', '2026-11-24T00:00:00Z', ['2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z']],
    ['0 12 29 2 *', 'UTC', '2026-11-24T00:00:00Z', ['2028-02-29T12:00:00.000Z', '2032-02-29T12:00:00.000Z']],
  ])('%s in %s after %s', (cron, timeZone, after, wanted) => {
    const cadence = { cron, timeZone }
    const found = nextSlots(cadence, Date.parse(after), 2)
    expect(found.map((slot) => new Date(slot).toISOString())).toEqual(wanted)
    // The same ones seen from behind.
    const last = found.at(-1) as number
    expect(slotsBetween(cadence, Date.parse(after), last, 10).toReversed()).toEqual(found)
    expect(latestSlot(cadence, last)).toBe(last)
    expect(latestSlot(cadence, last - 1)).toBe(found[0])
  })

  test('has the same due times forwards and backwards through every change of the clocks', () => {
    const changes = [
      ['2026-03-06T00:00:00Z', '2026-04-06T00:00:00Z'],
      ['2026-10-02T00:00:00Z', '2026-11-03T00:00:00Z'],
    ] as const
    for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])
      for (const cron of ['0 */2 * * *', '30 2 * * *'])
        for (const [from, to] of changes) {
          const cadence = { cron, timeZone }
          const backwards = slotsBetween(cadence, Date.parse(from), Date.parse(to), 1000).toReversed()
          expect(nextSlots(cadence, Date.parse(from), backwards.length)).toEqual(backwards)
          expect(countSlots(cadence, Date.parse(from), Date.parse(to))).toBe(backwards.length)
        }
  })
})
