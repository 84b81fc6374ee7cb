/** The database of functions that have none (Workers bundles of stateless functions): every use is an error. */
import type { Database } from './database.ts'

const refuse = (): never => {
  throw new Error('This function has no database')
}

export const noDatabase: Database = {
  kind: 'pg',
  query: async () => refuse(),
  transaction: async () => refuse(),
  bound: () => noDatabase,
  get unbound() {
    return noDatabase
  },
  script: async () => refuse(),
  close: async () => undefined,
}
