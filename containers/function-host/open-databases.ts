/** Opens and migrates the databases of the services that this process runs. */
import { join } from 'node:path'
import { migrations as eventStoreMigrations } from '#core/event-store/migrations.generated.ts'
import { type Config, runsService } from '#core/platform/config.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { runsEventStore } from '#core/platform/event-store-config.ts'
import type { Log } from '#core/platform/log.ts'
import { migrations as registryMigrations } from '#core/registry/migrations.generated.ts'
import { lockFolder } from './lock-folder.ts'
import { migrateTeg } from './migrate-teg.ts'

export interface Databases {
  readonly registry: Database | null
  readonly teg: Database | null
  /** The registry's own database where the EventStore runs beside it without one. */
  readonly eventStore: Database | null
  close(): Promise<void>
}

const CONNECT_ATTEMPTS = 30
type Schema = 'registry' | 'teg' | 'event_store'

/**
 * Opens them. Without a URL a service's database is embedded; two embedded services share one.
 * Configuration has refused an embedded part where the profile forbids it.
 */
export async function openDatabases(config: Config, log: Log): Promise<Databases> {
  const wantsRegistry = runsService(config, 'registry')
  // Without TEG_URL the TEG is a part of the registry's process (configuration refuses that under containers).
  const wantsTeg = wantsRegistry ? !config.TEG_URL : runsService(config, 'teg')
  const closers: (() => Promise<void> | void)[] = []
  let embedded: Promise<Database> | null = null
  const openEmbedded = () => {
    embedded ??= (async () => {
      // Loaded only where it is needed: a worker on a server is spared its memory.
      const { openPglite } = await import('#core/platform/database/pglite.ts')
      const unlock = lockFolder(config.DATA_DIR)
      const db = await openPglite({ dataDir: join(config.DATA_DIR, 'pg') })
      // Closed in the opposite order: the folder is given back when the engine has let go of it.
      closers.push(unlock, () => db.close())
      return db
    })()
    return embedded
  }
  const openServer = (url: string, name: string): Database => {
    const db = openPg({ url, max: config.DATABASE_POOL, applicationName: name })
    closers.push(() => db.close())
    return db
  }
  const apply: Readonly<Record<Schema, (owner: Database) => Promise<string[]>>> = {
    registry: (owner) => migrate(owner, 'registry', registryMigrations),
    teg: (owner) => migrateTeg(owner, config.MINTING_AUTHORITY),
    event_store: (owner) => migrate(owner, 'event_store', eventStoreMigrations),
  }
  /** What only the owner of the tables may, over the direct address where there is one. */
  const applyOver = async (direct: string | undefined, db: Database, schema: Schema): Promise<void> => {
    if (!direct) return applyTo(db, schema, apply[schema], log)
    const own = openPg({ url: direct, max: 1, applicationName: `ninefold-${schema}-migrate` })
    await applyTo(own, schema, apply[schema], log).finally(() => own.close())
  }
  const open = async (url: string | undefined, direct: string | undefined, schema: Schema) => {
    const db = url ? openServer(url, `ninefold-${schema}`) : await openEmbedded()
    await applyOver(direct, db, schema)
    return db
  }
  const registryDirect = config.DATABASE_URL ? config.DATABASE_DIRECT_URL : undefined
  const tegDirect = config.TEG_DATABASE_URL ? config.TEG_DATABASE_DIRECT_URL : undefined
  const openEventStore = async (registry: Database | null): Promise<Database | null> => {
    if (!runsEventStore(config)) return null
    const own = config.EVENT_STORE_DATABASE_URL
    if (own || !registry) return open(own, own && config.EVENT_STORE_DATABASE_DIRECT_URL, 'event_store')
    await applyOver(registryDirect, registry, 'event_store')
    return registry
  }
  const registry = wantsRegistry ? await open(config.DATABASE_URL, registryDirect, 'registry') : null
  return {
    registry,
    teg: wantsTeg ? await open(config.TEG_DATABASE_URL, tegDirect, 'teg') : null,
    eventStore: await openEventStore(registry),
    async close() {
      for (const close of closers.reverse()) await close()
    },
  }
}

/** Migrates, waiting for a server that is still starting. */
async function applyTo(
  db: Database,
  schema: Schema,
  apply: (db: Database) => Promise<string[]>,
  log: Log,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const applied = await apply(db)
      if (applied.length > 0) log.info({ service: schema, count: applied.length }, 'schema migrated')
      return
    } catch (error) {
      const code = String((error as { code?: string }).code ?? '')
      const starting = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|57P03|08)/.test(code)
      if (!starting || attempt >= CONNECT_ATTEMPTS) throw error
      log.warn({ service: schema, code, count: attempt }, 'the database does not answer yet')
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
}
