/** Roles of the ledger's database: what the TEG may do, what an auditor may, and that neither can rewrite history. */
import { expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { serverUrl } from '#test/support/services.ts'

const server = serverUrl('TEST_DATABASE_URL')

test.skipIf(server === null)(
  'a TEG under its own role runs the gate but owns nothing; an auditor reads',
  async () => {
    const admin = openPg({ url: server as string, max: 1 })
    const name = `roles_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
    for (const role of ['ninefold_teg', 'ninefold_auditor'])
      await admin.query(`do $$ begin create role ${role}; exception when duplicate_object then null; end $$`)
    await admin.query(`create database ${name}`)
    const url = new URL(server as string)
    url.pathname = `/${name}`
    const owner = openPg({ url: url.href, max: 1 })
    try {
      await migrate(owner, 'teg', migrations)
      const as = (role: string, statement: string) =>
        owner.transaction(async (tx) => {
          await tx.query(`set local role ${role}`)
          return tx.query(statement)
        })
      const agent = '00000000-0000-7000-8000-00000000000a'
      const batch = (op: number, amount: string, extra: string) =>
        `select o_state, o_code from teg.apply_commands(null, (select m.keys_by_time from teg.meta m), false, array['${agent}']::uuid[], '{}', '{}', '{}',
         array[${op}]::smallint[], array[gen_random_uuid()], array[1]::bigint[], array['k'],
         array[0], '{}', array[1], array[null]::integer[], array[${amount}]::bigint[], array[null]::text[],
         array[null]::text[], array['${extra}'])`
      expect(
        await as('ninefold_teg', batch(1, 'null', `{"did":"did:web:x","owner":"${agent}"}`)),
      ).toMatchObject([{ o_state: 5 }])
      const grant = batch(5, '7000000', `{"developer":"${agent}","budget":"9000000"}`)
      expect(await as('ninefold_teg', grant.replace(`array['k']`, `array['${agent}']`))).toMatchObject([
        { o_state: 0 },
      ])
      expect(await as('ninefold_auditor', 'select a.balance from teg.accounts a')).toEqual([
        { balance: 7_000_000n },
      ])
      for (const [role, statement] of [
        ['ninefold_auditor', 'update teg.accounts set balance = 0'],
        ['ninefold_auditor', batch(5, '1', `{"developer":"${agent}","budget":"9000000"}`)],
        ['ninefold_teg', 'alter table teg.moves disable trigger all'],
        ['ninefold_teg', 'delete from teg.moves'],
        ['ninefold_teg', 'update teg.moves set memo = null'],
        ['ninefold_teg', 'update teg.transfers set memo = null'],
        ['ninefold_teg', 'truncate teg.token_steps'],
        ['ninefold_teg', 'update teg.meta set incarnation = gen_random_uuid()'],
      ] as const)
        await expect(as(role, statement), `${role}: ${statement.slice(0, 40)}`).rejects.toThrow(
          /permission denied|must be owner/,
        )
    } finally {
      await owner.close()
      await admin.query(`drop database ${name}`)
      await admin.close()
    }
  },
)
