/** Places on the globe: distances, and geohash ranges that cover a circle (an index on geohashes then finds it). */

/** Degrees; latitude -90 to 90, longitude -180 to 180. */
export interface Place {
  readonly latitude: number
  readonly longitude: number
}

/** An inclusive range of geohashes. */
export interface GeohashRange {
  readonly low: bigint
  readonly high: bigint
}

/** Mean radius of the Earth in km (IUGG); the SQL function registry.distance_km uses the same. */
export const EARTH_RADIUS_KM = 6371.0088
/** Half of a great circle: no two places are further apart. */
const HALF_ROUND_KM = Math.PI * EARTH_RADIUS_KM
/** Bits of a geohash, longitude and latitude in turn: cells of about 0.6 m x 0.3 m at the equator. */
export const GEOHASH_BITS = 52
/** Ranges that a circle is covered with, unless told otherwise. */
const RANGES_MAX = 32

const radians = (degrees: number) => (degrees * Math.PI) / 180

/** Great-circle distance in km by the haversine formula. */
export function haversineKm(a: Place, b: Place): number {
  const sinLatitude = Math.sin(radians(b.latitude - a.latitude) / 2)
  const sinLongitude = Math.sin(radians(b.longitude - a.longitude) / 2)
  const square =
    sinLatitude ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * sinLongitude ** 2
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(square)))
}

/** The geohash of a place as a 52-bit number: bits of longitude and latitude in turn, longitude first. */
export function geohashOf(place: Place): bigint {
  const steps = 2 ** (GEOHASH_BITS / 2)
  const step = (value: number, least: number, span: number) =>
    BigInt(Math.min(steps - 1, Math.max(0, Math.floor(((value - least) / span) * steps))))
  const x = step(place.longitude, -180, 360)
  const y = step(place.latitude, -90, 180)
  let hash = 0n
  for (let bit = BigInt(GEOHASH_BITS / 2) - 1n; bit >= 0n; bit--)
    hash = (hash << 2n) | (((x >> bit) & 1n) << 1n) | ((y >> bit) & 1n)
  return hash
}

/** A cell of the geohash grid: the first `bits` bits, and its bounds in degrees. */
interface Cell {
  readonly prefix: bigint
  readonly bits: number
  readonly south: number
  readonly north: number
  readonly west: number
  readonly east: number
}

const world: Cell = { prefix: 0n, bits: 0, south: -90, north: 90, west: -180, east: 180 }

/**
 * Disjoint ranges of geohashes, in order, that hold every place within `radiusKm` of the centre. They hold places
 * outside as well: filter by distance. Poles and the antimeridian need no case of their own, since cells are judged
 * by their true distance on the sphere.
 */
export function geohashRanges(centre: Place, radiusKm: number, rangesMax = RANGES_MAX): GeohashRange[] {
  // A little more than asked: rounding must not lose a place that lies exactly on the circle.
  const radius = radiusKm * (1 + 1e-9) + 1e-6
  let cells: Cell[] = [world]
  let ranges = merge(cells)
  for (;;) {
    const next = cells.flatMap((cell) =>
      isInside(centre, radius, cell) || cell.bits === GEOHASH_BITS
        ? [cell]
        : split(cell).filter((half) => nearestKm(centre, half) <= radius),
    )
    if (next.length === cells.length && next.every((cell, i) => cell === cells[i])) return ranges
    const merged = merge(next)
    if (merged.length > rangesMax) return ranges
    cells = next
    ranges = merged
  }
}

/** Halves a cell: even depths split the longitude, odd ones the latitude. */
function split(cell: Cell): [Cell, Cell] {
  const bits = cell.bits + 1
  const low = cell.prefix << 1n
  if (cell.bits % 2 === 0) {
    const middle = (cell.west + cell.east) / 2
    return [
      { ...cell, prefix: low, bits, east: middle },
      { ...cell, prefix: low | 1n, bits, west: middle },
    ]
  }
  const middle = (cell.south + cell.north) / 2
  return [
    { ...cell, prefix: low, bits, north: middle },
    { ...cell, prefix: low | 1n, bits, south: middle },
  ]
}

/** True when the whole cell lies in the circle: its furthest point is the one nearest to the antipode. */
function isInside(centre: Place, radius: number, cell: Cell): boolean {
  const antipode = {
    latitude: -centre.latitude,
    longitude: centre.longitude > 0 ? centre.longitude - 180 : centre.longitude + 180,
  }
  return HALF_ROUND_KM - nearestKm(antipode, cell) <= radius
}

/** The least distance from a place to a cell. */
function nearestKm(place: Place, cell: Cell): number {
  const { latitude, longitude } = place
  if (longitude >= cell.west && longitude <= cell.east) {
    const beyond = Math.max(cell.south - latitude, latitude - cell.north, 0)
    return radians(beyond) * EARTH_RADIUS_KM
  }
  return Math.min(meridianKm(place, cell, cell.west), meridianKm(place, cell, cell.east))
}

/** The least distance from a place to a cell's side at one longitude. */
function meridianKm(place: Place, cell: Cell, longitude: number): number {
  const apart = radians(longitude - place.longitude)
  const foot =
    (Math.atan2(Math.sin(radians(place.latitude)), Math.cos(radians(place.latitude)) * Math.cos(apart)) *
      180) /
    Math.PI
  const candidates = [cell.south, cell.north]
  if (foot > cell.south && foot < cell.north) candidates.push(foot)
  return Math.min(...candidates.map((latitude) => haversineKm(place, { latitude, longitude })))
}

/** Ranges of cells in the grid's order; neighbours become one range. */
function merge(cells: readonly Cell[]): GeohashRange[] {
  const ranges: { low: bigint; high: bigint }[] = []
  for (const cell of cells) {
    const shift = BigInt(GEOHASH_BITS - cell.bits)
    const low = cell.prefix << shift
    const high = low + (1n << shift) - 1n
    const last = ranges.at(-1)
    if (last && last.high + 1n === low) last.high = high
    else ranges.push({ low, high })
  }
  return ranges
}
