/** Statements about a connection itself, outside of the Database port. */
import type pg from 'pg'

/** The process that serves the connection at this moment. */
export async function askBackendPid(client: pg.ClientBase): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid
}
