import { beforeAll, describe, expect, test } from 'vitest'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let developer: TestDeveloper
const operator = { token: OPERATOR_KEY }

beforeAll(async () => {
  system = await startSystem()
  developer = await registerDeveloper(system)
})

const put = (policies: object[], version?: number) =>
  system.api.put('/events/policies', { policies, ...(version === undefined ? {} : { version }) }, operator)
const told = async (after: number) => {
  await relayEvents(registryContext(system.registry))
  return (await system.api.get(`/events?after=${after}&limit=200`, operator)).body.items as {
    index: number
    event: { type: string; policyversion: number; redacted?: string; data: Record<string, unknown> }
  }[]
}
const head = async () => (await told(0)).at(-1)?.index ?? 0
const tier = (perMinute: number) =>
  system.api.patch('/operator/settings', { rate_limit_public_per_minute: perMinute }, operator)
const invite = () => system.api.post('/invites', {}, operator)

describe('the emission policies', () => {
  test('start empty, at version 0, with the floor named', async () => {
    const { status, body } = await system.api.get('/events/policies', operator)
    expect(status).toBe(200)
    expect(body).toMatchObject({ version: 0, policies: [], changed_at: null, changed_by: null })
    expect(body.floor).toContain('transfer.>')
  })

  test('are for operators only', async () => {
    const answer = await system.api.get('/events/policies', { token: developer.token })
    expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } })
  })

  test('a replaced set is in force for events that are relayed after it, and the change is itself an event', async () => {
    const before = await head()
    const redact = {
      priority: 1,
      types: 'developer.*',
      action: 'redact',
      pointers: ['/developer'],
    }
    const answer = await put([redact])
    expect(answer).toMatchObject({ status: 200, body: { version: 1, policies: [redact] } })
    await registerDeveloper(system)
    const events = await told(before)
    expect(events.map(({ event }) => event.type)).toEqual(['policy.changed', 'developer.verified'])
    expect(events[0]?.event.data).toMatchObject({ version: 1, old: [], new: [redact] })
    const verified = events[1]?.event
    expect(verified?.policyversion).toBe(1)
    for (const pointer of verified?.redacted?.split(' ') ?? [])
      expect(verified?.data).not.toHaveProperty(pointer.slice(1))
    expect(verified?.redacted).toBeDefined()
  })

  test('what is dropped from the live stream is in nobody’s list, and the index goes on', async () => {
    const before = await head()
    await put([{ priority: 1, types: 'developer.*', action: 'drop', targets: ['live'] }])
    await registerDeveloper(system)
    await tier(1_000_000 - 1)
    const events = await told(before)
    expect(events.map(({ event }) => event.type)).toEqual(['policy.changed', 'settings.changed'])
    expect((events[1]?.index ?? 0) - (events[0]?.index ?? 0)).toBe(2)
  })

  test('no policy reaches the floor: a set that says so is refused, a wide one leaves it out', async () => {
    const refused = await put([{ priority: 1, types: 'settings.>', action: 'drop', targets: ['live'] }])
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'out_of_bounds', errors: [{ pointer: '/policies/0/types' }] },
    })
    const before = await head()
    await put([{ priority: 1, types: '>', action: 'drop', targets: ['ledger', 'webhook', 'live'] }])
    await tier(1_000_000 - 2)
    expect((await told(before)).map(({ event }) => event.type)).toEqual([
      'policy.changed',
      'settings.changed',
    ])
  })

  test('a change from another version than was read is refused', async () => {
    const { version } = (await system.api.get('/events/policies', operator)).body
    const late = await put([], version - 1)
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } })
    expect((await put([], version)).body.version).toBe(version + 1)
  })

  test.each([
    [{ priority: 0, types: '>', action: 'emit', targets: ['live'] }, '/policies/0/priority'],
    [{ priority: 1, types: 'A', action: 'emit', targets: ['live'] }, '/policies/0/types'],
    [{ priority: 1, types: '>', action: 'emit', targets: ['live', 'live'] }, '/policies/0/targets'],
    [{ priority: 1, types: '>', action: 'emit', targets: [] }, '/policies/0/targets'],
    [{ priority: 1, types: '>', action: 'sample', targets: ['live'], one_in: 1 }, '/policies/0/one_in'],
    [{ priority: 1, types: '>', action: 'redact', pointers: ['memo'] }, '/policies/0/pointers/0'],
    [{ priority: 1, types: '>', action: 'redact', pointers: ['/a b'] }, '/policies/0/pointers/0'],
    [
      { priority: 1, types: '>', action: 'redact', pointers: ['/a'], targets: ['live'] },
      '/policies/0/targets',
    ],
  ])('%o is a 400 that names the field', async (policy, pointer) => {
    const answer = await put([policy])
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(answer.body.errors[0].pointer).toBe(pointer)
  })

  test('a dry run tells by type what would go where, and changes nothing', async () => {
    await invite()
    const { version } = (await system.api.get('/events/policies', operator)).body
    const policies = [
      { priority: 1, types: 'developer.*', action: 'drop', targets: ['ledger'] },
      { priority: 2, types: '>', action: 'drop', targets: ['webhook'] },
    ]
    const { status, body } = await system.api.post('/events/policies/dry-run', { policies }, operator)
    expect(status).toBe(200)
    const lines = new Map(body.types.map((line: { type: string }) => [line.type, line]))
    expect(lines.get('developer.verified')).toMatchObject({ floor: false, ledger: 0, webhook: 0 })
    expect(lines.get('settings.changed')).toMatchObject({
      floor: true,
      events: 2,
      ledger: 2,
      webhook: 2,
      live: 2,
    })
    expect((await system.api.get('/events/policies', operator)).body.version).toBe(version)
  })
})
