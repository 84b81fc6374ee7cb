import { beforeEach, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { sweepGrants } from '#core/registry/grants/sweep-grants.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { registryContext } from '#test/support/context.ts'
import { seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

const AVT = 1_000_000n
let system: System

async function seedDeveloper(): Promise<string> {
  const id = crypto.randomUUID()
  await system.registry.db.query(
    `insert into registry.accounts (id, email, email_key, grant_key, display_name, password_hash, created_at, updated_at)
     values ($1, $2, $2, $2, 'd', 'x', $3, $3)`,
    [id, `${id}@example.com`, system.clock.now()],
  )
  return id
}
async function seedDue(amount = 1_000n * AVT): Promise<{ developer: string; agent: string }> {
  const developer = await seedDeveloper()
  const { id } = await seedAgent(system, developer)
  await seedGrant(system, developer, id, amount)
  return { developer, agent: id }
}
const ctx = (teg?: TegClient) => registryContext(system.registry, teg ? { teg } : {})
const available = async (agent: string) => (await system.registry.teg.balance(ctx(), agent))?.available
const issued = async () => (await system.registry.teg.supply(ctx())).tokens_issued
const row = async (developer: string) =>
  (
    await system.registry.db.query<{
      granted_at: Date | null
      refused_code: string | null
      attempts: number
      next_attempt_at: Date
    }>(
      'select granted_at, refused_code, attempts, next_attempt_at from registry.grants_due where developer = $1',
      [developer],
    )
  )[0]
const awayTeg = (): TegClient =>
  openTegClient({
    token: 'x'.repeat(32),
    newId: () => crypto.randomUUID(),
    fetch: () => {
      const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      return Promise.reject(new TypeError('fetch failed', { cause }))
    },
  })

/** The bound of two seconds is not what most of these are about: a busy machine must not decide them. */
const PATIENT_MS = 60_000

describe('genesis grants', () => {
  beforeEach(async () => {
    system = await startSystem({ GENESIS_BUDGET_PER_DAY: '2500' })
  })

  test('is paid once, however many attempts there are at the same time and later', async () => {
    const { developer, agent } = await seedDue()
    const first = await Promise.all([
      ...Array.from({ length: 8 }, () => payGrant(ctx(), developer, PATIENT_MS)),
      sweepGrants(ctx()),
    ])
    expect(first).toContain('granted')
    expect(await payGrant(ctx(), developer)).toBe('none')
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 0 })
    expect([await available(agent), await issued()]).toEqual(['1000', '1000'])
  })

  test('a crash between the gate and the mark repeats without a second grant', async () => {
    const { developer, agent } = await seedDue()
    await payGrant(ctx(), developer, PATIENT_MS)
    await system.registry.db.query('update registry.grants_due set granted_at = null')
    system.clock.advance(61_000)
    expect(await sweepGrants(ctx())).toEqual({ granted: 1, refused: 0, waiting: 0 })
    expect([await available(agent), await issued()]).toEqual(['1000', '1000'])
  })

  test('with the TEG away the first attempt gives up without failing its call, and the sweep pays later', async () => {
    const { developer, agent } = await seedDue()
    expect(await payGrant(ctx(awayTeg()), developer)).toBe('due')
    expect(system.woken).toContain('grants')
    expect(await row(developer)).toMatchObject({ granted_at: null, refused_code: null, attempts: 1 })
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 0 })
    system.clock.advance(60_000)
    await expect(sweepGrants(ctx(awayTeg()))).rejects.toMatchObject({ status: 503, code: 'teg_unavailable' })
    expect((await row(developer))?.attempts).toBe(2)
    system.clock.advance(60_000)
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 0 })
    system.clock.advance(60_000)
    expect(await sweepGrants(ctx())).toEqual({ granted: 1, refused: 0, waiting: 0 })
    expect(await available(agent)).toBe('1000')
  })

  test('beyond the budget of the day a grant waits for the next UTC day', async () => {
    const due = [await seedDue(), await seedDue(), await seedDue()]
    expect(await sweepGrants(ctx())).toEqual({ granted: 2, refused: 0, waiting: 1 })
    expect(await issued()).toBe('2000')
    const left = (await Promise.all(due.map(({ developer }) => row(developer)))).find(
      (one) => one?.granted_at === null,
    )
    expect(left?.next_attempt_at).toEqual(new Date('2026-11-25T00:00:00.000Z'))
    system.clock.set(new Date('2026-11-24T23:59:59.000Z'))
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 0 })
    system.clock.set(new Date('2026-11-25T00:00:00.000Z'))
    expect(await sweepGrants(ctx())).toEqual({ granted: 1, refused: 0, waiting: 0 })
    expect(await issued()).toBe('3000')
  })

  test('under a greater budget a grant that waits for tomorrow is tried at once, and once', async () => {
    for (let i = 0; i < 3; i++) await seedDue()
    expect(await sweepGrants(ctx())).toEqual({ granted: 2, refused: 0, waiting: 1 })
    const raise = (budget: string) =>
      system.api.patch('/operator/settings', { genesis_budget_per_day: budget }, { token: OPERATOR_KEY })
    expect((await raise('2999')).status).toBe(200)
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 1 })
    expect(await sweepGrants(ctx())).toEqual({ granted: 0, refused: 0, waiting: 0 })
    await raise('3000')
    expect(await sweepGrants(ctx())).toEqual({ granted: 1, refused: 0, waiting: 0 })
    expect(await issued()).toBe('3000')
  })

  test('more than one attempt holds are paid by one sweep', async () => {
    for (let i = 0; i < 120; i++) await seedDue(AVT)
    expect(await sweepGrants(ctx())).toEqual({ granted: 120, refused: 0, waiting: 0 })
    expect(await issued()).toBe('120')
  })

  test('a grant of nothing is settled, a retired agent is refused, a suspended one stays due', async () => {
    const nothing = await seedDue(0n)
    const retired = await seedDeveloper()
    await seedGrant(system, retired, (await seedAgent(system, retired, 'retired')).id, AVT)
    const suspended = await seedDeveloper()
    await seedGrant(system, suspended, (await seedAgent(system, suspended, 'suspended')).id, AVT)
    expect(await sweepGrants(ctx())).toEqual({ granted: 1, refused: 1, waiting: 1 })
    expect((await row(nothing.developer))?.granted_at).not.toBeNull()
    expect((await row(retired))?.refused_code).toBe('agent_not_active')
    expect(await row(suspended)).toMatchObject({ granted_at: null, refused_code: null })
  })
})
