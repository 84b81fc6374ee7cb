import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  EARTH_RADIUS_KM,
  GEOHASH_BITS,
  geohashOf,
  geohashRanges,
  haversineKm,
  type Place,
} from '#core/base/geo.ts'

const at = (latitude: number, longitude: number): Place => ({ latitude, longitude })
const holds = (place: Place, ranges: ReturnType<typeof geohashRanges>) => {
  const hash = geohashOf(place)
  return ranges.some(({ low, high }) => hash >= low && hash <= high)
}
/** The place at a distance and bearing (great circle). */
function goFrom({ latitude, longitude }: Place, km: number, bearing: number): Place {
  const rad = Math.PI / 180
  const angle = km / EARTH_RADIUS_KM
  const sin =
    Math.sin(latitude * rad) * Math.cos(angle) +
    Math.cos(latitude * rad) * Math.sin(angle) * Math.cos(bearing * rad)
  const turned = Math.atan2(
    Math.sin(bearing * rad) * Math.sin(angle) * Math.cos(latitude * rad),
    Math.cos(angle) - Math.sin(latitude * rad) * sin,
  )
  const east = longitude + turned / rad
  return at(Math.asin(Math.max(-1, Math.min(1, sin))) / rad, ((((east + 180) % 360) + 360) % 360) - 180)
}

describe('haversineKm', () => {
  test.each([
    ['Berlin to Paris', at(52.52, 13.405), at(48.8566, 2.3522), 877.5],
    ['Suva to Apia, over the antimeridian', at(-18.1416, 178.4419), at(-13.8333, -171.7667), 1149],
    ['pole to pole', at(90, 0), at(-90, 77), Math.PI * EARTH_RADIUS_KM],
    ['antipodes', at(10, 20), at(-10, -160), Math.PI * EARTH_RADIUS_KM],
    ['one degree of the equator', at(0, 0), at(0, 1), 111.195],
    ['a place to itself', at(1.5, 2.5), at(1.5, 2.5), 0],
    ['the north pole by two names', at(90, 10), at(90, -120), 0],
  ])('measures %s', (_name, a, b, km) => {
    expect(haversineKm(a, b)).toBeCloseTo(km, km > 800 ? -1 : 2)
    expect(haversineKm(a, b)).toBe(haversineKm(b, a))
  })
})

describe('geohashOf', () => {
  test('agrees with the published example ezs42 (42.6, -5.6)', () => {
    // Base 32 digits e=13 z=31 s=24 4=4 2=2, five bits each, longitude first.
    const digits = [13n, 31n, 24n, 4n, 2n].reduce((hash, digit) => (hash << 5n) | digit, 0n)
    expect(geohashOf(at(42.605, -5.603)) >> BigInt(GEOHASH_BITS - 25)).toBe(digits)
  })

  test('keeps the corners of the world in 52 bits', () => {
    expect(geohashOf(at(-90, -180))).toBe(0n)
    expect(geohashOf(at(90, 180))).toBe((1n << 52n) - 1n)
  })
})

describe('geohashRanges', () => {
  const place = fc.record({
    latitude: fc.oneof(
      fc.double({ min: -90, max: 90, noNaN: true }),
      fc.constantFrom(-90, 90, 89.9, -89.9, 0),
    ),
    longitude: fc.oneof(
      fc.double({ min: -180, max: 180, noNaN: true }),
      fc.constantFrom(-180, 180, 179.99, -179.99, 0),
    ),
  })

  test('holds every place of the circle, whatever the centre and radius', () => {
    fc.assert(
      fc.property(
        place,
        fc.double({ min: 0.001, max: 20_000, noNaN: true }),
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 360, noNaN: true })),
          {
            minLength: 20,
            maxLength: 20,
          },
        ),
        (centre, radius, points) => {
          const ranges = geohashRanges(centre, radius)
          for (const [share, bearing] of points) {
            const found = goFrom(centre, radius * share, bearing)
            if (haversineKm(centre, found) <= radius) expect(holds(found, ranges)).toBe(true)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('gives at most the asked number of ranges, disjoint and in order', () => {
    fc.assert(
      fc.property(place, fc.double({ min: 0.001, max: 20_000, noNaN: true }), (centre, radius) => {
        const ranges = geohashRanges(centre, radius, 32)
        expect(ranges.length).toBeGreaterThan(0)
        expect(ranges.length).toBeLessThanOrEqual(32)
        for (const [i, range] of ranges.entries()) {
          expect(range.low).toBeLessThanOrEqual(range.high)
          if (i > 0) expect(range.low).toBeGreaterThan((ranges[i - 1]?.high ?? 0n) + 1n)
        }
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    ['in Europe', at(52.52, 13.405), 25, [2.5, 4, 8, 20]],
    ['over the antimeridian', at(-17.8, 179.99), 100, [2.5, 4, 8, 20]],
    // Cells that touch a pole lie far apart in the order of geohashes: fewer of them must do, and they are larger.
    ['over the pole', at(89.9, 40), 50, [25, 50, 100]],
  ])('covers little beside the circle %s', (_name, centre, radius, times) => {
    const ranges = geohashRanges(centre, radius)
    const far = times.flatMap((factor) =>
      Array.from({ length: 24 }, (_, i) => goFrom(centre, radius * factor, i * 15)),
    )
    expect(far.filter((place) => holds(place, ranges)).length).toBeLessThan(far.length / 10)
  })
})
