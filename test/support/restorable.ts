/** A registry on a data folder that is copied and put back as its operator's guide says: stop the process, copy the folder. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '#core/platform/config.ts'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { silentLog } from '#core/platform/log.ts'
import type { RegistryResources } from '#core/registry/context.ts'
import type { EventStoreClient } from '#core/registry/event-store-client.ts'
import { migrations } from '#core/registry/migrations.generated.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { testClock } from './clock.ts'
import { type Journal, journalOf } from './journal.ts'
import { type Api, makeApi } from './request.ts'
import { OPERATOR_KEY } from './system.ts'

export interface OpenRegistry {
  readonly registry: RegistryResources
  readonly journal: Journal
  readonly api: Api
  close(): Promise<void>
}

export interface Restorable {
  /** Starts it on what the folder holds. */
  open(): Promise<OpenRegistry>
  /** Copies the folder aside; nothing may be open. */
  backUp(): void
  /** Puts the copy back. */
  restore(): void
  remove(): void
}

export function restorable(parts: { teg: TegClient; eventStore: EventStoreClient }): Restorable {
  const root = mkdtempSync(join(tmpdir(), 'ninefold-restore-'))
  const [data, copy] = [join(root, 'data'), join(root, 'copy')]
  const put = (from: string, to: string) => {
    rmSync(to, { recursive: true, force: true })
    cpSync(from, to, { recursive: true })
  }
  return {
    async open() {
      const db = await openPglite({ dataDir: data })
      await migrate(db, 'registry', migrations)
      const resources = {
        db,
        coordination: openInProcess(),
        clock: testClock(),
        random: systemRandom,
        log: silentLog,
      }
      const built = await buildRegistry({
        config: readConfig({ DATA_DIR: root, OPERATOR_API_KEY: OPERATOR_KEY }),
        resources,
        ...parts,
        wake: () => undefined,
        observe: () => undefined,
        draining: () => false,
      })
      const registry = built.resources
      return {
        registry,
        journal: journalOf(registry),
        api: makeApi((request) => built.app.fetch(request, { address: '192.0.2.1' })),
        async close() {
          await registry.feed.close()
          await registry.outbound.close()
          await db.close()
        },
      }
    },
    backUp: () => put(data, copy),
    restore: () => put(copy, data),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}
