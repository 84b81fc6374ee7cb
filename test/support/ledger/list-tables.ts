/** The tables that a ledger's database really has, so that a test of all of them meets one that was added later. */
import type { Queryable } from '#core/platform/database/database.ts'

export interface Table {
  name: string
  /** One that an UPDATE may name. */
  column: string
}

export const listTables = (db: Queryable): Promise<Table[]> =>
  db.query<Table>(
    `select c.relname as name, (select a.attname from pg_catalog.pg_attribute a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = '' order by a.attnum limit 1) as column
     from pg_catalog.pg_class c where c.relnamespace = 'teg'::regnamespace and c.relkind in ('r', 'p') order by c.relname`,
  )

export async function countRows(db: Queryable, table: string): Promise<number> {
  const rows = await db.query<{ count: number }>(`select count(*)::integer as count from teg.${table}`)
  return rows[0]?.count ?? 0
}
