/** Pages of lists that are ordered by id alone: ids are in order of time. */
import { decodeCursor } from '#core/base/page.ts'

/** What PageQuery makes of ?limit= and ?cursor=. */
export interface PageWish {
  readonly limit: number
  readonly cursor?: string | undefined
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The id after which a page starts; null: at the beginning. */
export function afterOf(page: PageWish, filters: Record<string, unknown>): string | null {
  return page.cursor === undefined ? null : (decodeCursor(page.cursor, filters, [ID])[0] ?? null)
}
