/** The server adapter over HTTPS: one statement a request, for functions that read or write in single statements. */
import { neon, neonConfig, types } from '@neondatabase/serverless'
import type { Database, Param } from './database.ts'
import { splitStatements } from './migrate.ts'
import type { NeonWay } from './neon-way.ts'
import { refuseInsideTransaction } from './scope.ts'
import { bytesAsText, type Parse, valueReaders } from './value-types.ts'

const readerOf = valueReaders((oid) => types.getTypeParser(oid as never, 'text') as Parse)

const readers = { getTypeParser: readerOf as never }

/** What this way can't do; the words say what can. */
export class NeedsSession extends Error {
  readonly code = 'needs_session'
  constructor() {
    super(
      'DATABASE_DRIVER=neon-http sends one statement a request and has no transactions: use DATABASE_DRIVER=neon (WebSocket) or pg',
    )
    this.name = 'NeedsSession'
  }
}

/** Opens it; there is no connection to hold. @throws NeedsSession from `transaction` */
export function openNeonHttp({ url, bridge }: NeonWay): Database {
  if (bridge) neonConfig.fetchEndpoint = () => new URL('/sql', bridge.url).href
  const sql = neon(url, {
    fullResults: true,
    ...(bridge ? { authToken: bridge.token } : {}),
  })
  const make = (signal: AbortSignal | undefined): Database => {
    const run = async <R>(text: string, params: readonly Param[] = []): Promise<R[]> => {
      refuseInsideTransaction('A statement over HTTP')
      signal?.throwIfAborted()
      try {
        const options = { types: readers, ...(signal ? { fetchOptions: { signal } } : {}) }
        return (await sql.query(text, params.map(bytesAsText), options)).rows as R[]
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        throw error
      }
    }
    return {
      kind: 'pg',
      query: run,
      async transaction() {
        refuseInsideTransaction('A second transaction')
        throw new NeedsSession()
      },
      bound: (next) => make(signal ? AbortSignal.any([signal, next]) : next),
      get unbound() {
        return root
      },
      async script(text) {
        for (const statement of splitStatements(text)) await run(statement)
      },
      close: async () => undefined,
    }
  }
  const root = make(undefined)
  return root
}
