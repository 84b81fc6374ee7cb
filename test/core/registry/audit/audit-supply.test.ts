import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { openLog } from '#core/platform/log.ts'
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import { expirePayments } from '#core/registry/payments/expire-payments.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import supplyAuditor from '#schedules/supply-auditor.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'
import { newAgent, openAccount, transfer } from '#test/support/teg.ts'

let system: System
const lines: string[] = []
const auditor: Caller = { kind: 'operator', account: null, key: 'preset', roles: ['auditor'] }
const ctx = (parts: object = {}) => registryContext(system.registry, { caller: auditor, ...parts })
const relay = async () => {
  while ((await relayEvents(ctx())).more);
}
const grant = async (agent: string, amount: string) => {
  await system.registry.teg.commands(ctx(), [
    openAccount(agent),
    { op: 'grant', developer: randomUUID(), agent, amount, budget_per_day: '1000000' },
  ])
}
const agents = [newAgent(), newAgent(), newAgent()] as const

beforeAll(async () => {
  system = await startSystem({}, openLog({ write: (line) => lines.push(line) }))
  for (const agent of agents) await grant(agent, '1000')
  for (let i = 0; i < 20; i++)
    await system.registry.teg.command(ctx(), transfer(agents[i % 2] as string, agents[2], `1.${i + 1}`))
  await system.registry.teg.command(ctx(), {
    op: 'issue_token',
    key: randomUUID(),
    hash: '0'.repeat(64),
    payer_agent: agents[0],
    payee_agent: agents[1],
    amount: '7.5',
    expires_in: 600,
    task_ref: null,
    limits: null,
  })
  await relay()
})

describe('the audit of the supply', () => {
  test('finds that the books agree with the journal, name by name, and goes on from there', async () => {
    const first = await auditSupply(ctx())
    expect(first).toMatchObject({ status: 'ok', actor: 'operator:preset', number: 24 })
    const found = Object.fromEntries(first.checks.map(({ name, found: value }) => [name, value]))
    expect(found).toMatchObject({
      journal_events: '24',
      tokens_issued: '3000',
      supply_identity: '3000',
      holds: '7.5',
      grants_count: '3',
      transfers_count: '20',
    })
    await system.registry.teg.command(ctx(), transfer(agents[0], agents[1], '2'))
    await relay()
    const second = await auditSupply(ctx())
    expect(second).toMatchObject({ status: 'ok', number: 25 })
    // Only what is new was gone through; the sums stand for all.
    expect(second.checks).toContainEqual({ name: 'transfers_count', expected: '1', found: '1', ok: true })
    expect(second.checks).toContainEqual({ name: 'journal_events', expected: '25', found: '25', ok: true })
  })

  test('agrees while the hold of an expired token waits to be voided, and after', async () => {
    await system.registry.teg.command(ctx(), {
      op: 'issue_token',
      key: randomUUID(),
      hash: '0'.repeat(64),
      payer_agent: agents[0],
      payee_agent: agents[1],
      amount: '2.5',
      expires_in: 60,
      task_ref: null,
      limits: null,
    })
    await relay()
    system.clock.advance(61_000)
    // Nobody sees the hold any more, though it is not voided yet.
    expect((await system.registry.teg.supply(ctx())).holds).toBe('7.5')
    expect(await auditSupply(ctx())).toMatchObject({ status: 'ok' })
    expect(await expirePayments(ctx())).toEqual({ expired: 1, refused: 0 })
    await relay()
    expect(await auditSupply(ctx())).toMatchObject({ status: 'ok' })
  })

  test('agrees at every moment of a busy ledger, whatever commits meanwhile', async () => {
    let busy = true
    const load = Promise.all(
      [0, 1, 2].map(async (i) => {
        while (busy)
          await system.registry.teg.command(
            ctx(),
            transfer(agents[i] as string, agents[(i + 1) % 3] as string, '0.01'),
          )
      }),
    )
    const relays: Promise<void>[] = []
    const wake = () => void relays.push(relay().catch(() => undefined))
    const statuses: string[] = []
    for (let i = 0; i < 8; i++) statuses.push((await auditSupply(ctx({ wake }))).status)
    busy = false
    await load
    await Promise.all(relays)
    expect(statuses).toEqual(Array(8).fill('ok'))
  })

  test('is inconclusive while the journal is behind, and judges nothing then', async () => {
    await system.registry.teg.command(ctx(), transfer(agents[0], agents[1], '1'))
    const wakes: string[] = []
    const report = await auditSupply(ctx({ wake: (what: string) => wakes.push(what) }))
    expect(report).toMatchObject({ status: 'inconclusive', checks: [], books: null })
    expect(wakes).toContain('relay')
    await relay()
    expect(await auditSupply(ctx())).toMatchObject({ status: 'ok' })
  })

  test('raises an alarm when the books were touched: report, event, log line and a failed run', async () => {
    const { db } = system.teg
    await db.query('update teg.accounts set balance = balance + 1 where id = $1', [agents[2]])
    const report = await auditSupply(ctx())
    expect(report.status).toBe('mismatch')
    expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['supply_identity'])
    expect(lines.some((line) => line.includes('do not agree with the journal'))).toBe(true)
    const [event] = await db.query(
      `select data, audience from registry.outbox where type = 'audit.report' order by position desc limit 1`,
    )
    expect(event).toMatchObject({ data: { status: 'mismatch', failed: ['supply_identity'] }, audience: [] })
    const epoch = { incarnation: 0, counter: 1n }
    await expect(supplyAuditor.run(ctx(), { slot: new Date(), epoch })).rejects.toThrow('supply_identity')
    await db.query('update teg.accounts set balance = balance - 1 where id = $1', [agents[2]])
    expect(await auditSupply(ctx())).toMatchObject({ status: 'ok' })
  })

  test('sees an event that the journal has lost or that tells another amount', async () => {
    const { db } = system.teg
    await system.registry.teg.command(ctx(), transfer(agents[0], agents[1], '3'))
    await relay()
    await db.script(`alter table registry.journal disable trigger journal_append_only;
      update registry.journal set envelope = replace(envelope, '"amount":"3"', '"amount":"2"')
        where index = (select max(index) from registry.journal where source like '%/teg');
      alter table registry.journal enable trigger journal_append_only;`)
    const report = await auditSupply(ctx())
    expect(report.status).toBe('mismatch')
    expect(report.checks).toContainEqual({ name: 'transfers_amount', expected: '2', found: '3', ok: false })
  })

  test('reports can be read by auditors, one by one and as a list, and are never changed', async () => {
    const { api } = system
    const made = await api.post('/audit/runs', undefined, { token: OPERATOR_KEY })
    expect(made.status).toBe(200)
    const { body } = await api.get('/audit/reports?limit=2', { token: OPERATOR_KEY })
    expect(body.items[0]).toEqual(made.body)
    const next = await api.get(`/audit/reports?limit=2&cursor=${body.next_cursor}`, { token: OPERATOR_KEY })
    expect(next.body.items).toHaveLength(2)
    expect((await api.get(`/audit/reports/${made.body.id}`, { token: OPERATOR_KEY })).body).toEqual(made.body)
    expect((await api.get(`/audit/reports/${randomUUID()}`, { token: OPERATOR_KEY })).status).toBe(404)
    expect((await api.get('/audit/reports')).status).toBe(401)
    expect((await api.post('/audit/runs', undefined)).status).toBe(401)
    await expect(system.registry.db.query(`update registry.audit_reports set status = 'ok'`)).rejects.toThrow(
      'append-only',
    )
  })
})
