/** Proves that a connection is one of the server itself and not of a pooler that hands out its servers by turns. */
import type pg from 'pg'
import { askBackendPid } from './connection-queries.ts'
import { lostConnection } from './database.ts'

/** True when a connection is proven to be the server's own. @throws what says that the connection is lost */
export type ProveDirect = (client: pg.PoolClient) => boolean | Promise<boolean>

/**
 * Makes the proof for the connections of one pool: each is asked once, before its first kept statement.
 *
 * At the start of a session a server tells the number of its process as part of the key for cancel requests. A pooler whose
 * servers serve many sessions by turns has to give out keys of its own, or a cancel request would hit whoever has the
 * server by then; pgbouncer draws eight random bytes. So where the number told is the number of the process that answers,
 * there is nobody between (or only what passes bytes on, such as a tunnel), and what is kept stays.
 */
export function makeProof(): ProveDirect {
  const proven = new WeakMap<pg.PoolClient, boolean>()
  // One address, one pooler: the other connections need not be asked. Without names all works as well.
  let isPooled = false
  const ask = async (client: pg.PoolClient) => {
    try {
      const pid = await askBackendPid(client)
      const isDirect =
        pid !== undefined && pid === (client as unknown as { processID: number | null }).processID
      if (!isDirect) isPooled = true
      proven.set(client, isDirect)
      return isDirect
    } catch (error) {
      if (lostConnection(error)) throw error
      // Refused, cancelled, or asked inside a transaction that has failed: no proof.
      proven.set(client, false)
      return false
    }
  }
  return (client) => !isPooled && (proven.get(client) ?? ask(client))
}
