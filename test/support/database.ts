/** A real database per test file: PGlite from a template, or a server's database when TEST_DATABASE_URL is set. */

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, inject } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openPglite } from '#core/platform/database/pglite.ts'

/** Opens a fresh, migrated database with the schemas registry and teg; it is closed after the file's tests. */
export async function testDatabase(): Promise<Database> {
  const server = process.env.TEST_DATABASE_URL
  const db = server ? await onServer(server) : await fromDump()
  afterAll(() => db.close().catch(() => undefined))
  return db
}

async function fromDump(): Promise<Database> {
  return openPglite({ dump: new Blob([readFileSync(inject('databaseTemplate'))]) })
}

async function onServer(server: string): Promise<Database> {
  const name = `test_${randomBytes(8).toString('hex')}`
  const admin = openPg({ url: server, max: 1 })
  for (let attempt = 0; ; attempt++) {
    try {
      await admin.query(`create database ${name} template ninefold_template`)
      break
    } catch (error) {
      // Another file may be cloning the template at the same moment.
      if (attempt >= 20 || (error as { code?: string }).code !== '55006') throw error
    }
  }
  await admin.close()
  const url = new URL(server)
  url.pathname = `/${name}`
  return openPg({ url: url.href, max: 10 })
}

/** The same database with methods of one's own: an adapter is a class, so that a spread would lose the others. */
export const withMethods = (db: Database, own: Partial<Database>): Database =>
  Object.assign(Object.create(db) as Database, own)
