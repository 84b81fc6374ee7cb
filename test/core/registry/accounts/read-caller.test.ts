import { beforeAll, describe, expect, test } from 'vitest'
import { createAgentKey } from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import { contextFor, insertAgent, registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let developer: TestDeveloper
let agent: { id: string; did: string }
beforeAll(async () => {
  system = await startSystem()
  developer = await registerDeveloper(system)
  agent = await insertAgent(system, developer.account)
})

const callerOf = (token: string) => readCaller(contextFor(system), token)

async function agentKey(scopes: ('transfers:write' | 'agents:read')[]) {
  const caller = await callerOf(developer.token)
  if (!caller) throw new Error('no caller')
  const limits = { per_transfer: 1_500_000n, allowed_payees: null }
  return createAgentKey(contextFor(system, caller), agent.id, { name: 'pays', scopes, limits })
}

describe('the caller of a bearer token', () => {
  test('is a developer with all scopes for a session', async () => {
    expect(await callerOf(developer.token)).toMatchObject({
      kind: 'developer',
      account: developer.account,
      email: developer.email,
      emailVerified: true,
      scopes: null,
      key: null,
    })
  })

  test('is the operator without account for the preset key', async () => {
    expect(await callerOf(OPERATOR_KEY)).toEqual({
      kind: 'operator',
      account: null,
      key: 'preset',
      roles: ['operator', 'auditor'],
    })
  })

  test('is a developer with the scopes of an API key', async () => {
    const made = await system.api.post(
      '/auth/api-keys',
      { name: 'ci', scopes: ['agents:write', 'agents:read'] },
      { token: developer.token },
    )
    expect(made.status).toBe(201)
    expect(await callerOf(made.body.secret)).toMatchObject({
      kind: 'developer',
      scopes: ['agents:write'],
      roles: [],
      session: null,
      key: made.body.id,
    })
  })

  test('is an agent with scopes and limits for an agent key', async () => {
    const key = await agentKey(['transfers:write'])
    expect(await callerOf(key.secret)).toEqual({
      kind: 'agent',
      agent: agent.id,
      did: agent.did,
      account: developer.account,
      key: key.id,
      scopes: ['transfers:write'],
      limits: { perTransfer: 1_500_000n, perDay: null, allowedPayees: null },
    })
  })

  test('is the same agent for the OAuth token got with its key', async () => {
    const key = await agentKey(['transfers:write', 'agents:read'])
    const got = await system.api.post('/auth/token', {
      grant_type: 'client_credentials',
      client_id: key.id,
      client_secret: key.secret,
      scope: 'transfers:read',
    })
    expect(got.status, got.text).toBe(200)
    expect(got.body).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'transfers:read' })
    expect(await callerOf(got.body.access_token)).toMatchObject({
      kind: 'agent',
      did: agent.did,
      key: key.id,
      scopes: ['transfers:read'],
      limits: { perTransfer: 1_500_000n },
    })
  })
})
