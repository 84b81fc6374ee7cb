/** Keyset pages: a cursor names the last row seen and the filters that it belongs to. */
import { createHash } from 'node:crypto'
import { fail } from './errors.ts'

export const PAGE_DEFAULT = 50
export const PAGE_MAX = 200

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

/** A short digest of the filters; a cursor used under other filters is refused. */
function filterDigest(filters: Record<string, unknown>): string {
  const text = JSON.stringify(
    Object.entries(filters)
      .filter(([, v]) => v !== undefined)
      .sort(),
  )
  return createHash('sha256').update(text).digest('base64url').slice(0, 11)
}

/** An opaque cursor for the row whose sort keys are `keys`, under `filters`. */
export function encodeCursor(keys: readonly string[], filters: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify([filterDigest(filters), ...keys])).toString('base64url')
}

/**
 * The sort keys in a cursor.
 * @param shapes one pattern per key: a forged cursor must not reach SQL as a bad value
 * @throws validation_failed for a malformed cursor, cursor_mismatch for one of other filters
 */
export function decodeCursor(
  cursor: string,
  filters: Record<string, unknown>,
  shapes: readonly RegExp[],
): string[] {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    parts = null
  }
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string'))
    throw fail('validation_failed', 'The cursor is malformed; use next_cursor exactly as it was given.', {
      errors: [{ pointer: '?cursor', code: 'malformed', detail: 'not a cursor of this registry' }],
    })
  const [digest, ...keys] = parts as string[]
  if (digest !== filterDigest(filters))
    throw fail('cursor_mismatch', 'The cursor was made under other filters; start again without a cursor.')
  if (keys.length !== shapes.length || !keys.every((key, i) => shapes[i]?.test(key)))
    throw fail('validation_failed', 'The cursor is malformed; use next_cursor exactly as it was given.', {
      errors: [{ pointer: '?cursor', code: 'malformed', detail: 'not a cursor of this list' }],
    })
  return keys
}

/** A page from `limit + 1` rows read: the surplus row only tells that there is more. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  filters: Record<string, unknown>,
  keysOf: (row: R) => readonly string[],
  toItem: (row: R) => T,
): Page<T> {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  const more = rows.length > limit && last !== undefined
  return { items: kept.map(toItem), next_cursor: more ? encodeCursor(keysOf(last), filters) : null }
}
