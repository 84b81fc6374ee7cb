/** Ids that are made of ledger numbers, as teg.id_of makes them. */

/** The id of what a ledger number names: a UUIDv7 of its time and the number; the last digit is free for what belongs to it. */
export const idOf = (seq: bigint, at: Date): string => idMakerOf(seq, at)(0)

/** The ids of the numbers from `base` on, of one moment. */
export function idMakerOf(base: bigint, at: Date): (place: number) => string {
  const time = at.getTime().toString(16).padStart(12, '0')
  const start = `${time.slice(0, 8)}-${time.slice(8)}-7`
  return (place) => {
    const digits = (base + BigInt(place)).toString(16).padStart(17, '0')
    return `${start}${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6)}0`
  }
}
