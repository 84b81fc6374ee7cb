/** What migrate() guarantees on every adapter. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { type Migration, migrate } from '#core/platform/database/migrate.ts'

const SCHEMA = 'scratch_migrations'
const first: Migration = {
  name: '0001-first.sql',
  sql: `create table ${SCHEMA}.log (entry text); insert into ${SCHEMA}.log values ('first')`,
}
const second: Migration = { name: '0002-second.sql', sql: `insert into ${SCHEMA}.log values ('second')` }
const tenth: Migration = { name: '0010-tenth.sql', sql: `insert into ${SCHEMA}.log values ('tenth')` }
const gate = (text: string): Migration => ({
  name: 'gate.sql',
  sql: `insert into ${SCHEMA}.log values ('${text}')`,
})
const judge: Migration = { name: 'ledger/judge.sql', sql: `insert into ${SCHEMA}.log values ('judge')` }
const rights: Migration = { name: 'ledger/roles.sql', sql: `insert into ${SCHEMA}.log values ('rights')` }

/** `open` gives the same database each time, as two processes would open it. */
export function migrateConformance(title: string, open: () => Promise<Database>): void {
  describe(title, () => {
    let one: Database
    let two: Database
    beforeAll(async () => {
      one = await open()
      two = await open()
    })
    beforeEach(() => one.script(`drop schema if exists ${SCHEMA} cascade`))
    afterAll(async () => {
      await one.script(`drop schema if exists ${SCHEMA} cascade`)
      await one.close()
      if (two !== one) await two.close()
    })
    const log = async () =>
      (await one.query<{ entry: string }>(`select entry from ${SCHEMA}.log`)).map((row) => row.entry)

    test('applies numbered scripts in order, then repeatable ones, whatever order they are given in', async () => {
      const applied = await migrate(one, SCHEMA, [gate('gate 1'), tenth, second, first])
      expect(applied).toEqual(['0001-first.sql', '0002-second.sql', '0010-tenth.sql', 'gate.sql'])
      expect(await log()).toEqual(['first', 'second', 'tenth', 'gate 1'])
    })

    test('applies nothing twice, and only what is new later', async () => {
      await migrate(one, SCHEMA, [first])
      expect(await migrate(two, SCHEMA, [first])).toEqual([])
      expect(await migrate(two, SCHEMA, [first, second])).toEqual(['0002-second.sql'])
      expect(await log()).toEqual(['first', 'second'])
    })

    test('applies a repeatable script again when its text changed', async () => {
      await migrate(one, SCHEMA, [first, gate('gate 1')])
      expect(await migrate(one, SCHEMA, [first, gate('gate 1')])).toEqual([])
      expect(await migrate(one, SCHEMA, [first, gate('gate 2')])).toEqual(['gate.sql'])
      expect(await log()).toEqual(['first', 'gate 1', 'gate 2'])
    })

    test('gives rights last, and again behind whatever else was applied', async () => {
      const all = [rights, gate('gate 1'), first]
      expect(await migrate(one, SCHEMA, all)).toEqual(['0001-first.sql', 'gate.sql', rights.name])
      expect(await migrate(one, SCHEMA, all)).toEqual([])
      expect(await migrate(one, SCHEMA, [...all, second])).toEqual(['0002-second.sql', rights.name])
      const changed = [rights, gate('gate 2'), first, second]
      expect(await migrate(one, SCHEMA, changed)).toEqual(['gate.sql', rights.name])
      expect(await log()).toEqual(['first', 'gate 1', 'rights', 'second', 'rights', 'gate 2', 'rights'])
    })

    test('gives rights again where a role of ours has come since', async () => {
      await migrate(one, SCHEMA, [first, rights])
      const role = `ninefold_scratch_${process.pid}`
      await one.query(`create role ${role}`)
      try {
        expect(await migrate(one, SCHEMA, [first, rights])).toEqual([rights.name])
      } finally {
        await one.query(`drop role ${role}`)
      }
    })

    test('changes repeatable scripts and rights together or not at all', async () => {
      await migrate(one, SCHEMA, [first, gate('gate 1'), judge, rights])
      const broken = { ...rights, sql: 'select 1/0' }
      await expect(migrate(one, SCHEMA, [first, gate('gate 2'), judge, broken])).rejects.toMatchObject({
        code: '22012',
      })
      expect(await log()).toEqual(['first', 'gate 1', 'judge', 'rights'])
    })

    test('refuses a numbered script that changed after it was applied', async () => {
      await migrate(one, SCHEMA, [first, second])
      const changed = { ...first, sql: `${first.sql} -- changed` }
      await expect(migrate(one, SCHEMA, [changed, second])).rejects.toThrow(
        `migration ${SCHEMA}/0001-first.sql was changed after it had been applied`,
      )
    })

    test('refuses a schema that a newer version has made', async () => {
      await migrate(one, SCHEMA, [first, second])
      await expect(migrate(one, SCHEMA, [first])).rejects.toThrow('holds 0002-second.sql')
    })

    test('leaves no trace of a script that fails, and goes on from there', async () => {
      const broken = { name: '0002-second.sql', sql: `insert into ${SCHEMA}.log values ('half'); select 1/0` }
      await expect(migrate(one, SCHEMA, [first, broken])).rejects.toMatchObject({ code: '22012' })
      expect(await log()).toEqual(['first'])
      expect(await migrate(one, SCHEMA, [first, second])).toEqual(['0002-second.sql'])
    })

    test('lets several processes start at once: each script is applied by one of them', async () => {
      const all = [first, second, tenth, gate('gate')]
      const runs = await Promise.all([one, two, one, two].map((db) => migrate(db, SCHEMA, all)))
      expect(runs.flat().sort()).toEqual(['0001-first.sql', '0002-second.sql', '0010-tenth.sql', 'gate.sql'])
      expect(await log()).toEqual(['first', 'second', 'tenth', 'gate'])
    })

    test('refuses a schema name that is none', async () => {
      await expect(migrate(one, 'a; drop table b', [])).rejects.toThrow('not a schema name')
    })
  })
}
