/** Statements that tell which database the rows stand in. */
import type { Queryable } from './database.ts'

/** The database that the rows stand in; null where its server does not tell. A copy, a restored dump, a failover differ. */
export async function findIdentity(on: Queryable): Promise<string | null> {
  const rights = await on.query<{ may: boolean }>(
    `select has_function_privilege('pg_catalog.pg_control_system()', 'execute')
       and has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute') as may`,
  )
  if (!rights[0]?.may) return null
  const rows = await on.query<{ identity: string }>(
    `select concat_ws('.', s.system_identifier, c.timeline_id, d.oid) as identity
     from pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_database d
     where d.datname = current_database()`,
  )
  return rows[0]?.identity ?? null
}

/** What rights depend on: the database, which a restored dump changes, and the roles of ours that its server has. */
export async function readPlace(on: Queryable): Promise<string> {
  const rows = await on.query<{ place: string }>(
    `select concat_ws(' ', d.oid, (select string_agg(r.rolname, ' ' order by r.rolname)
       from pg_catalog.pg_roles r where starts_with(r.rolname::text, 'ninefold_'))) as place
     from pg_catalog.pg_database d where d.datname = current_database()`,
  )
  return (rows[0] as { place: string }).place
}
