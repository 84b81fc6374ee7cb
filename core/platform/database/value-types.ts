/** How the server adapters read values, so that rows look the same whatever driver brought them. */

import { textOfPacked } from './packed-array.ts'

const BYTEA = 17
const INT8 = 20
const BYTEA_ARRAY = 1001
const TEXT_ARRAY = 1009
const INT8_ARRAY = 1016
const DATE = 1082
const DATE_ARRAY = 1182
const INTERVAL = 1186
const INTERVAL_ARRAY = 1187
const NUMERIC_ARRAY = 1231

export type Parse = (text: string) => unknown

const asText: Parse = (text) => text

/** The readers of values by type. @param builtIn the driver's own (of pg-types, which all of them bring) */
export function valueReaders(builtIn: (oid: number) => Parse): (oid: number) => Parse {
  /** A Buffer is a Uint8Array that prints itself in another way: rows carry the plain kind. */
  const asBytes: Parse = (text) => new Uint8Array(builtIn(BYTEA)(text) as Uint8Array)
  const arrayOf = (parse: Parse): Parse => {
    const each = (item: unknown): unknown =>
      Array.isArray(item) ? item.map(each) : item === null ? null : parse(item as string)
    return (text) => each(builtIn(TEXT_ARRAY)(text))
  }
  const readers = new Map<number, Parse>([
    [INT8, BigInt],
    [INT8_ARRAY, arrayOf(BigInt)],
    [BYTEA, asBytes],
    [BYTEA_ARRAY, arrayOf(asBytes)],
    [NUMERIC_ARRAY, arrayOf(asText)],
    [DATE, asText],
    [DATE_ARRAY, arrayOf(asText)],
    [INTERVAL, asText],
    [INTERVAL_ARRAY, arrayOf(asText)],
  ])
  return (oid) => readers.get(oid) ?? builtIn(oid)
}

/** A parameter whose arrays hold no bytes and are none: some drivers know bytes only as a value by itself. */
export const bytesAsText = (param: unknown): unknown =>
  Array.isArray(param)
    ? param.map((item) =>
        item instanceof Uint8Array ? `\\x${Buffer.from(item).toString('hex')}` : bytesAsText(item),
      )
    : textOfPacked(param)
