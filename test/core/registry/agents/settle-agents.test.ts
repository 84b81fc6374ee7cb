import { beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { changeStatus } from '#core/registry/agents/change-status.ts'
import { publishAgent } from '#core/registry/agents/publish-agent.ts'
import { refreshOrigins } from '#core/registry/agents/refresh-origins.ts'
import { retireAgent } from '#core/registry/agents/retire-agent.ts'
import { settleAgents } from '#core/registry/agents/settle-agents.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { buildTeg } from '#host/build-teg.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { type System, startSystem } from '#test/support/system.ts'
import { card10 } from './sample-cards.ts'

let system: System
let alice: TestDeveloper

beforeAll(async () => {
  // Without grants: what is not empty could not be retired.
  system = await startSystem({ GENESIS_GRANT_ENABLED: 'false' })
  alice = await registerDeveloper(system)
})

type Envelope = ReturnType<typeof JSON.parse>
const publish = async (): Promise<Envelope> =>
  (await system.api.post('/agents', { card: card10() }, { token: alice.token })).body
const read = async (id: string): Promise<Envelope> => (await system.api.get(`/agents/${id}`)).body
const put = (id: string, card: unknown) =>
  system.api.put(`/agents/${id}/card`, { card }, { token: alice.token, headers: { 'if-match': '*' } })
const setStatus = (id: string, body: unknown) =>
  system.api.patch(`/agents/${id}/status`, body, { token: alice.token })
const unsettled = async (id: string) => {
  const [row] = await system.registry.db.query<{ open: boolean; intent: { status: string } | null }>(
    'select teg_sequence < sequence as open, intent from registry.agents where id = $1',
    [id],
  )
  return row
}
const code = (answer: { status: number; body: { code?: string } }) => [answer.status, answer.body?.code]

describe('when the TEG is away', () => {
  const as = (who: TestDeveloper): Caller => ({
    kind: 'developer',
    account: who.account,
    email: who.email,
    emailVerified: true,
    roles: [],
    scopes: null,
    session: null,
    key: null,
  })
  const away = (): TegClient =>
    openTegClient({
      token: 'x'.repeat(32),
      newId: () => crypto.randomUUID(),
      fetch: () => Promise.reject(Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })),
    })
  const context = (parts: Partial<RegistryContext> = {}) =>
    registryContext(system.registry, { caller: as(alice), ...parts })

  /** A way to the TEG on which answers are lost: it does what it is told, then the deadline comes. */
  async function deaf(): Promise<Partial<RegistryContext>> {
    const controller = new AbortController()
    const serviceToken = 'another-service-token-0123456789'
    const { app } = await buildTeg({
      config: system.config,
      resources: system.teg,
      serviceToken,
      observe: () => undefined,
      draining: () => false,
    })
    const teg = openTegClient({
      token: serviceToken,
      newId: () => crypto.randomUUID(),
      fetch: async (request) => {
        await app.fetch(request, { address: '127.0.0.1' })
        controller.abort()
        throw new Error('the answer was lost')
      },
    })
    return { teg, signal: controller.signal }
  }

  test('publishing still answers, and the sweep opens the account', async () => {
    const envelope = await publishAgent(context({ teg: away() }), { card: card10() })
    expect(await unsettled(envelope.id)).toEqual({ open: true, intent: null })
    const balance = await system.api.get(`/agents/${envelope.id}/balance`, { token: alice.token })
    expect(balance.body).toEqual({ available: '0', held: '0', staked: '0', unbonding: '0', total: '0' })
    const statement = await system.api.get(`/agents/${envelope.id}/statement`, { token: alice.token })
    expect(statement.body).toEqual({ items: [], next_cursor: null })
    expect((await settleAgents(context())).settled).toBeGreaterThan(0)
    expect(await unsettled(envelope.id)).toEqual({ open: false, intent: null })
  })

  test('suspending answers 503 teg_unavailable and has changed nothing', async () => {
    const agent = await publish()
    await expect(
      changeStatus(context({ teg: away() }), agent.id, {
        status: 'suspended',
      }),
    ).rejects.toMatchObject({
      code: 'teg_unavailable',
    })
    expect(await unsettled(agent.id)).toEqual({ open: false, intent: null })
    expect((await read(agent.id)).sequence).toBe(1)
  })

  test('a suspension whose answer was lost is finished by the sweep, once', async () => {
    const agent = await publish()
    await expect(
      changeStatus(context(await deaf()), agent.id, { status: 'suspended' }),
    ).rejects.toMatchObject({
      code: 'outcome_unknown',
    })
    expect((await unsettled(agent.id))?.intent).toMatchObject({ status: 'suspended', sequence: 2 })
    expect((await read(agent.id)).status).toBe('active')
    await settleAgents(context())
    expect(await read(agent.id)).toMatchObject({ status: 'suspended', sequence: 2 })
    expect(await settleAgents(context())).toEqual({ settled: 0, refused: 0 })
  })

  test('a half-done retirement is finished by whoever comes next, and a card put meanwhile is kept', async () => {
    const agent = await publish()
    await expect(retireAgent(context(await deaf()), agent.id, undefined, '*')).rejects.toMatchObject({
      code: 'outcome_unknown',
    })
    expect((await put(agent.id, card10({ version: '9' }))).body).toMatchObject({ sequence: 3 })
    expect(code(await setStatus(agent.id, { status: 'deprecated' }))).toEqual([409, 'agent_not_active'])
    expect(await read(agent.id)).toMatchObject({ status: 'retired', sequence: 4, card_version: '9' })
    expect(await unsettled(agent.id)).toEqual({ open: false, intent: null })
  })
})

describe('a registry with another name or place', () => {
  test('signs every envelope anew, once, and leaves retired ones as they are', async () => {
    const [agent, retired] = [await publish(), await publish()]
    await system.api.delete(`/agents/${retired.id}`, {
      token: alice.token,
      headers: { 'if-match': '*' },
    })
    const config = {
      ...system.config,
      REGISTRY_NAME: 'lyon',
      REGISTRY_LOCATION: 'FR;;Lyon;45.76;4.84',
    }
    const ctx = registryContext(system.registry, { config })
    expect((await refreshOrigins(ctx)).refreshed).toBeGreaterThan(0)
    expect(await read(agent.id)).toMatchObject({
      sequence: 2,
      origin_registry: 'lyon',
      origin_registry_location: { country: 'FR', city: 'Lyon', latitude: 45.76, longitude: 4.84 },
      card_etag: agent.card_etag,
    })
    expect(await unsettled(agent.id)).toEqual({ open: false, intent: null })
    expect(await read(retired.id)).toMatchObject({ origin_registry: 'ninefold', sequence: 2 })
    expect(await refreshOrigins(ctx)).toEqual({ refreshed: 0 })
  })
})
