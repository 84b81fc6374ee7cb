/** Who may call the TEG, and what its database refuses. On a server teg-roles.test.ts does the same with real logins. */
import { describe, expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { anyCall, SERVICE_TOKEN, startTeg } from '#test/support/teg.ts'
import { guardsConformance } from './guards-conformance.ts'

const t = await startTeg()

describe('inside address', () => {
  test('refuses a call without the service token with 401 unauthenticated', async () => {
    const response = await t.fetch(
      new Request('http://teg/supply', { headers: { authorization: 'Bearer wrong' } }),
    )
    expect(response.status).toBe(401)
    const probe = await t.fetch(new Request('http://teg/readyz'))
    expect([probe.status, await probe.json()]).toEqual([200, { status: 'ready' }])
    expect(await t.client.ping(anyCall())).toBe(true)
    expect(SERVICE_TOKEN).not.toBe('wrong')
  })
})

guardsConformance('the database of a TEG without a role of its own', async () => {
  for (const role of ['ninefold_teg', 'ninefold_auditor'])
    await t.db.query(
      `do $$ begin create role ${role}; exception when duplicate_object or unique_violation then null; end $$`,
    )
  // Roles that come later get their rights at the next migration.
  expect(await migrate(t.db, 'teg', migrations)).toEqual(['ledger/roles.sql'])
  const as = (role: string) => (statement: string) =>
    t.db.transaction(async (tx) => {
      await tx.query(`set local role ${role}`)
      return tx.query(statement)
    })
  return { owner: t.db, teg: t, asRole: as('ninefold_teg'), asAuditor: as('ninefold_auditor') }
})
