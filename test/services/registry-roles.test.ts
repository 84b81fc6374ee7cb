/** Roles of the registry's database: what the registry may do, what an auditor may, and that neither can rewrite history. */
import { expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { migrations } from '#core/registry/migrations.generated.ts'
import { serverUrl } from '#test/support/services.ts'

const server = serverUrl('TEST_DATABASE_URL')

test.skipIf(server === null)(
  'the registry works under its own role and owns nothing; an auditor reads, but no secret',
  async () => {
    const admin = openPg({ url: server as string, max: 1 })
    const name = `roles_${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`
    for (const role of ['ninefold_registry', 'ninefold_auditor'])
      await admin.query(`do $$ begin create role ${role}; exception when duplicate_object then null; end $$`)
    await admin.query(`create database ${name}`)
    const owner = openPg({
      url: Object.assign(new URL(server as string), { pathname: `/${name}` }).href,
      max: 1,
    })
    try {
      await migrate(owner, 'registry', migrations)
      const as = (role: string, statement: string) =>
        owner.transaction(async (tx) => {
          await tx.query(`set local role ${role}`)
          return tx.query(statement)
        })
      const works = [
        ['ninefold_registry', 'select count(*) as count from registry.accounts'],
        ['ninefold_registry', "delete from registry.idempotency where principal = 'x'"],
        ['ninefold_registry', 'update registry.forwarder set index = index'],
        ['ninefold_auditor', 'select count(*) as count from registry.journal'],
        ['ninefold_auditor', 'select count(*) as count from registry.audit_trail'],
        ['ninefold_auditor', 'select count(*) as count from registry.journal_lives'],
        ['ninefold_auditor', 'select count(*) as count from registry.quarantine'],
      ] as const
      for (const [role, statement] of works) await as(role, statement)
      const refused = [
        ['ninefold_registry', 'update registry.journal set type = type'],
        ['ninefold_registry', 'delete from registry.audit_trail'],
        ['ninefold_registry', 'delete from registry.journal_retold'],
        ['ninefold_registry', 'update registry.journal_lives set reason = reason'],
        ['ninefold_registry', 'update registry.ratings set comment = comment'],
        ['ninefold_registry', 'truncate registry.journal'],
        ['ninefold_registry', 'alter table registry.journal disable trigger all'],
        ['ninefold_registry', 'drop table registry.accounts'],
        ['ninefold_registry', 'create table registry.more (a integer)'],
        ['ninefold_registry', 'delete from registry.migrations'],
        ['ninefold_auditor', 'select * from registry.credentials'],
        ['ninefold_auditor', 'select * from registry.server_keys'],
        ['ninefold_auditor', 'select email from registry.accounts'],
        ['ninefold_auditor', 'delete from registry.journal'],
        ['ninefold_auditor', 'delete from registry.quarantine'],
        ['ninefold_auditor', "insert into registry.settings (name, value) values ('a', '1')"],
      ] as const
      for (const [role, statement] of refused)
        await expect(as(role, statement), `${role}: ${statement}`).rejects.toThrow(
          /permission denied|must be owner/,
        )
      // A table of a later migration is the registry's to work with, too.
      await owner.query('create table registry.later (a integer)')
      await as('ninefold_registry', 'insert into registry.later values (1)')
    } finally {
      await owner.close()
      await admin.query(`drop database ${name}`)
      await admin.close()
    }
  },
)
