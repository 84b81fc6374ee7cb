/** The fee records: every rate that was in force at the TEG, with the operator who set it. */
import { expect, test } from 'vitest'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const token = OPERATOR_KEY
const system = await startSystem()
const list = async (query = '') => system.api.get(`/operator/fees${query}`, { token })
const change = async (body: object) => {
  system.clock.advance(1000)
  expect((await system.api.patch('/operator/settings', body, { token })).status).toBe(200)
}
const brief = (items: { settings_version: number; base_rate: string; set_by: string | null }[]) =>
  items.map(({ settings_version, base_rate, set_by }) => [settings_version, base_rate, set_by])

test('lists them newest first, page by page, each with its version, its moment and who set it', async () => {
  await postFees(registryContext(system.registry))
  await change({ intra_registry_fee_rate: '0.01' })
  const at = system.clock.now().toISOString()
  // Another setting's version: the rate stays the operator's.
  await change({ beta_invite_required: true })
  await postFees(registryContext(system.registry))
  await change({ intra_registry_fee_rate: '0.02' })
  const all = (await list()).body
  expect(all.items[2]).toEqual({
    id: expect.any(String),
    settings_version: all.items[1].settings_version - 1,
    base_rate: '0.01',
    effective_rate: '0.01',
    created_at: at,
    set_by: 'operator:preset',
  })
  expect(brief(all.items).map(([, ...rest]) => rest)).toEqual([
    ['0.02', 'operator:preset'],
    ['0.01', 'operator:preset'],
    ['0.01', 'operator:preset'],
    ['0.005', null],
    ['0.005', null],
  ])
  expect(all.items.at(-1).settings_version).toBe(-1)
  const versions = brief(all.items).map(([version]) => Number(version))
  expect(versions).toEqual([...versions].sort((a, b) => b - a))
  const paged: unknown[] = []
  let cursor: string | null = null
  do {
    const page: { items: unknown[]; next_cursor: string | null } = (
      await list(`?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
    ).body
    expect(page.items.length).toBeLessThanOrEqual(2)
    paged.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  expect(paged).toEqual(all.items)
  expect(all.next_cursor).toBeNull()
})

test('a rate that the TEG took under a later version, or that an operator returned to the environment, is still the operator’s', async () => {
  await change({ intra_registry_fee_rate: '0.03' })
  await change({ intra_registry_fee_rate: null })
  expect(brief((await list('?limit=2')).body.items).map(([, ...rest]) => rest)).toEqual([
    ['0.005', 'operator:preset'],
    ['0.03', 'operator:preset'],
  ])
  // The TEG knows a higher version, as after a restore: the registry raises its own over it.
  const teg = system.registry.teg
  const call = { requestId: 'test', signal: new AbortController().signal }
  await teg.postFees(call, { settings_version: 50, base_rate: '0.04', effective_rate: '0.04' })
  await change({ intra_registry_fee_rate: '0.05' })
  expect(brief((await list('?limit=2')).body.items)).toEqual([
    [51, '0.05', 'operator:preset'],
    [50, '0.04', null],
  ])
})

test.each(['?limit=0', '?limit=201', '?cursor=nonsense', '?more=1'])('%s answers 400', async (query) => {
  expect(await list(query)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
})
