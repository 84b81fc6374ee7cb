import { beforeAll, describe, expect, test } from 'vitest'
import {
  createAgentKey,
  listAgentKeys,
  revokeAgentKey,
} from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import type { NewAgentKey } from '#core/registry/accounts/credentials/schema.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { contextFor, insertAgent, registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})

describe("an agent's key", () => {
  let agent: { id: string; did: string }
  let owner: RegistryContext
  let other: RegistryContext
  const wish: NewAgentKey = { name: 'pays', scopes: ['transfers:write'] }
  beforeAll(async () => {
    agent = await insertAgent(system, alice.account)
    const callerOf = async (token: string) => {
      const caller = await readCaller(contextFor(system), token)
      if (!caller) throw new Error('no caller')
      return contextFor(system, caller)
    }
    owner = await callerOf(alice.token)
    other = await callerOf(bob.token)
  })

  test('is made by the owner alone: 403 not_owner, 404 agent_not_found', async () => {
    expect((await createAgentKey(owner, agent.did, wish)).agent).toBe(agent.id)
    await expect(createAgentKey(other, agent.id, wish)).rejects.toMatchObject({
      status: 403,
      code: 'not_owner',
    })
    const nowhere = createAgentKey(owner, crypto.randomUUID(), wish)
    await expect(nowhere).rejects.toMatchObject({ status: 404, code: 'agent_not_found' })
  })

  test('is seen and revoked by the owner alone: 404 agent_not_found, 403 not_owner, 404 not_found', async () => {
    const key = await createAgentKey(owner, agent.id, wish)
    expect((await listAgentKeys(owner, agent.id, { limit: 10 })).items.map(({ id }) => id)).toContain(key.id)
    const peep = listAgentKeys(other, agent.id, { limit: 10 })
    await expect(peep).rejects.toMatchObject({ status: 404, code: 'agent_not_found' })
    await expect(revokeAgentKey(other, agent.id, key.id)).rejects.toMatchObject({ code: 'not_owner' })
    await revokeAgentKey(owner, agent.id, key.id)
    await expect(revokeAgentKey(owner, agent.id, key.id)).rejects.toMatchObject({ code: 'not_found' })
    expect(await readCaller(contextFor(system), key.secret)).toBeNull()
  })

  test('is not made for a retired agent, 409 agent_not_active, and dies with the agent', async () => {
    const retiring = await insertAgent(system, alice.account)
    const key = await createAgentKey(owner, retiring.id, wish)
    expect(await readCaller(contextFor(system), key.secret)).toMatchObject({ kind: 'agent' })
    await system.registry.db.query(`update registry.agents set status = 'retired' where id = $1`, [
      retiring.id,
    ])
    expect(await readCaller(contextFor(system), key.secret)).toBeNull()
    const late = createAgentKey(owner, retiring.id, wish)
    await expect(late).rejects.toMatchObject({ status: 409, code: 'agent_not_active' })
  })

  test('is not listed among the API keys, nor revoked as one: 404 not_found', async () => {
    const key = await createAgentKey(owner, agent.id, wish)
    expect((await system.api.get('/auth/api-keys', { token: alice.token })).text).not.toContain(key.id)
    const answer = await system.api.delete(`/auth/api-keys/${key.id}`, { token: alice.token })
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    expect(await readCaller(contextFor(system), key.secret)).not.toBeNull()
  })

  describe('POST /auth/token', () => {
    let key: { id: string; secret: string }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const basic = (id: string, secret: string) => ({
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
    })
    const grant = { grant_type: 'client_credentials' }
    const json = (more: object = {}) =>
      system.api.post('/auth/token', { ...grant, client_id: key.id, client_secret: key.secret, ...more })
    beforeAll(async () => {
      key = await createAgentKey(owner, agent.id, {
        name: 'oauth',
        scopes: ['transfers:write', 'agents:read'],
      })
    })

    test('takes the key as HTTP Basic with a form, as form fields and as JSON', async () => {
      const fields = new URLSearchParams({ ...grant, client_id: key.id, client_secret: key.secret })
      const answers = [
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, ...basic(key.id, key.secret) },
        }),
        await system.api.post('/auth/token', fields.toString(), { headers: form }),
        await json(),
      ]
      for (const answer of answers) {
        expect(answer.status, answer.text).toBe(200)
        expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
        expect(answer.body.scope.split(' ').sort()).toEqual(['agents:read', 'transfers:write'])
        expect(answer.headers.get('cache-control')).toBe('no-store')
        expect(await readCaller(contextFor(system), answer.body.access_token)).toMatchObject({
          kind: 'agent',
          agent: agent.id,
          key: key.id,
        })
      }
    })

    test('gives a subset of the scopes and refuses another one as invalid_scope', async () => {
      const less = await json({ scope: 'transfers:read' })
      expect([less.status, less.body.scope]).toEqual([200, 'transfers:read'])
      const more = await json({ scope: 'transfers:read payments:write' })
      expect([more.status, more.body.error]).toEqual([400, 'invalid_scope'])
    })

    test('answers 401 invalid_client for a wrong secret, id or kind of key, or none', async () => {
      const developerKey = (
        await system.api.post('/auth/api-keys', { name: 'ci', scopes: ['*'] }, { token: alice.token })
      ).body
      const wrong = [
        await json({ client_secret: `${key.secret}x` }),
        await json({ client_id: crypto.randomUUID() }),
        await json({ client_id: developerKey.id, client_secret: developerKey.secret }),
        await system.api.post('/auth/token', grant),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, ...basic(key.id, 'wrong') },
        }),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, authorization: `Basic ${Buffer.from('no colon').toString('base64')}` },
        }),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, authorization: `Basic ${Buffer.from('%zz:%zz').toString('base64')}` },
        }),
      ]
      for (const answer of wrong) {
        expect([answer.status, answer.body.error], answer.text).toEqual([401, 'invalid_client'])
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
      }
    })

    test('answers 400 for another grant, for credentials twice, and without a grant', async () => {
      const other = await json({ grant_type: 'password' })
      expect([other.status, other.body.error]).toEqual([400, 'unsupported_grant_type'])
      const twice = await system.api.post(
        '/auth/token',
        { ...grant, client_id: key.id, client_secret: key.secret },
        { headers: basic(key.id, key.secret) },
      )
      expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request'])
      const none = await system.api.post('/auth/token', { client_id: key.id, client_secret: key.secret })
      expect([none.status, none.body.error]).toEqual([400, 'invalid_request'])
    })

    test('gives tokens that die with the key, and after 15 minutes', async () => {
      const { access_token: first } = (await json()).body
      system.clock.advance(900_000)
      expect(await readCaller(contextFor(system), first)).toBeNull()
      const { access_token: second } = (await json()).body
      expect(await readCaller(contextFor(system), second)).not.toBeNull()
      await revokeAgentKey(owner, agent.id, key.id)
      expect(await readCaller(contextFor(system), second)).toBeNull()
      expect((await json()).status).toBe(401)
    })
  })
})
