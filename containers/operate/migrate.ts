/** Brings the databases that the environment names up to date, as their owner, and says what was applied. Where it names
 * MINTING_AUTHORITY, the ledger's database is given that. */
import { migrations as eventStore } from '#core/event-store/migrations.generated.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { migrations as registry } from '#core/registry/migrations.generated.ts'
import { migrations as teg } from '#core/teg/migrations.generated.ts'
import { migrateTeg } from '#host/migrate-teg.ts'
import { type Command, readArgs, UsageError } from './command.ts'

const databases = [
  { schema: 'registry', keys: ['DATABASE_DIRECT_URL', 'DATABASE_URL'], migrations: registry },
  { schema: 'teg', keys: ['TEG_DATABASE_DIRECT_URL', 'TEG_DATABASE_URL'], migrations: teg },
  {
    schema: 'event_store',
    keys: ['EVENT_STORE_DATABASE_DIRECT_URL', 'EVENT_STORE_DATABASE_URL'],
    migrations: eventStore,
  },
] as const

const run: Command = async (args, { env, print }) => {
  readArgs(args, [])
  const named = databases.flatMap(({ schema, keys, migrations }) => {
    const url = keys.map((key) => env[key]).find(Boolean)
    return url ? [{ schema, url, migrations }] : []
  })
  if (named.length === 0)
    throw new UsageError(`No database is named: set ${databases.map(({ keys }) => keys[0]).join(', ')}`)
  const authority = env.MINTING_AUTHORITY || null
  if (authority !== null && authority !== 'disabled' && authority !== 'teg-layer')
    throw new UsageError('MINTING_AUTHORITY must be disabled or teg-layer')
  for (const { schema, url, migrations } of named) {
    const db = openPg({ url, max: 1, applicationName: 'ninefold-operate-migrate' })
    try {
      const applied =
        schema === 'teg' ? await migrateTeg(db, authority) : await migrate(db, schema, migrations)
      const held = schema === 'teg' && authority ? { minting_authority: authority } : {}
      print(JSON.stringify({ schema, applied, of: migrations.length, ...held }))
    } finally {
      await db.close()
    }
  }
  return 0
}
export default run
