/** The supply audit over many accounts: how long it takes, and that it locks no row. */

import { readConfig } from '#core/platform/config.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { readSupplyRow } from '#core/teg/supply/queries.ts'
import { buildTeg } from '#host/build-teg.ts'
import { analyzeAccounts, fillAccounts, readOwnLocks } from './ledger-queries.ts'
import { median } from './report.ts'
import type { PrivatePostgres } from './start-postgres.ts'

export const SUPPLY_DATABASE = 'supply'
const READS = 7
const TOKEN = 'service-token-of-the-bench-0123456789'

/** Seconds of GET /books on the TEG's own application, which an audit reads, median. @throws when the identity fails or a row is locked */
export async function measureSupply(server: PrivatePostgres, accounts: number): Promise<number> {
  const db = openPg({ url: server.urlOf(SUPPLY_DATABASE), max: 2 })
  try {
    await migrate(db, 'teg', migrations)
    await fillAccounts(db, accounts)
    await analyzeAccounts(db)
    const built = await buildTeg({
      config: readConfig({}),
      resources: {
        db,
        coordination: openInProcess(),
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
      },
      serviceToken: TOKEN,
      observe: () => undefined,
      draining: () => false,
    })
    const client = openTegClient({
      token: TOKEN,
      fetch: (request) => built.app.fetch(request, { address: '127.0.0.1' }),
      newId: () => crypto.randomUUID(),
    })
    const seconds: number[] = []
    for (let turn = 0; turn < READS; turn++) {
      const begin = performance.now()
      const { supply } = await client.books({ requestId: 'bench', signal: new AbortController().signal }, 0)
      seconds.push((performance.now() - begin) / 1000)
      if (supply.tokens_circulating !== String(accounts) || supply.tokens_issued !== String(accounts))
        throw new Error(`the supply is wrong: ${JSON.stringify(supply)}`)
    }
    await db.transaction(async (tx) => {
      await readSupplyRow(tx, null)
      const taken = (await readOwnLocks(tx)).filter(({ mode }) => mode !== 'AccessShareLock')
      if (taken.length > 0) throw new Error(`the audit takes locks: ${JSON.stringify(taken)}`)
    })
    return median(seconds)
  } finally {
    await db.close()
  }
}
