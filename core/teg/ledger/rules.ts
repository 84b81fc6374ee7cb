/** Ids that are made of ledger numbers, as teg.id_of makes them. */

/** The id of what a ledger number names: a UUIDv7 of its time and the number; the last digit is free for what belongs to it. */
export function idOf(seq: bigint, at: Date): string {
  const time = at.getTime().toString(16).padStart(12, '0')
  const digits = seq.toString(16).padStart(17, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6)}0`
}
