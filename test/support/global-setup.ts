/** Makes the template that every test file's database starts from, once per run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { unaccent } from '@electric-sql/pglite/contrib/unaccent'
import type { TestProject } from 'vitest/node'
import { migrations as eventStore } from '#core/event-store/migrations.generated.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { pgliteDatabase } from '#core/platform/database/pglite.ts'
import { migrations as registry } from '#core/registry/migrations.generated.ts'
import { migrations as teg } from '#core/teg/migrations.generated.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseTemplate: string
  }
}

async function migrateAll(db: Database): Promise<void> {
  await migrate(db, 'registry', registry)
  await migrate(db, 'teg', teg)
  await migrate(db, 'event_store', eventStore)
}

/** Makes the template on a server. */
export async function makeTemplate(server: string): Promise<void> {
  const admin = openPg({ url: server, max: 1 })
  await admin.query('drop database if exists ninefold_template')
  await admin.query('create database ninefold_template')
  await admin.close()
  const url = new URL(server)
  url.pathname = '/ninefold_template'
  const template = openPg({ url: url.href, max: 1 })
  await migrateAll(template)
  await template.close()
}

export default async function setup(project: TestProject) {
  const server = process.env.TEST_DATABASE_URL
  if (server) {
    await makeTemplate(server)
    project.provide('databaseTemplate', '')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-template-'))
  const engine = await PGlite.create({ extensions: { pg_trgm, unaccent } })
  await migrateAll(pgliteDatabase(engine))
  const file = join(folder, 'template.tar')
  writeFileSync(file, Buffer.from(await (await engine.dumpDataDir('none')).arrayBuffer()))
  await engine.close()
  project.provide('databaseTemplate', file)
  return () => rmSync(folder, { recursive: true, force: true })
}
