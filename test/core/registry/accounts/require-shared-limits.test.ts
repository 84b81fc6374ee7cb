import { describe, expect, test } from 'vitest'
import { createAgentKey } from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import { createApiKey } from '#core/registry/accounts/credentials/manage-api-keys.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import { logIn } from '#core/registry/accounts/sessions/log-in.ts'
import { refreshSession } from '#core/registry/accounts/sessions/refresh-session.ts'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import { PASSWORD, registerDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { startSystem } from '#test/support/system.ts'

const system = await startSystem()
const alice = await registerDeveloper(system)
const card = card10({ name: 'Agent' })
const agent: string = (await system.api.post('/agents', { card }, { token: alice.token })).body.id
const origin = { address: '192.0.2.1', userAgent: undefined }
const given = { email: alice.email, password: PASSWORD }
const caller = await readCaller(registryContext(system.registry), alice.token)
if (!caller) throw new Error('the session is not known')
const contextWhile = (isShared: boolean, answers = isShared) =>
  registryContext(system.registry, {
    caller,
    coordination: {
      ...system.registry.coordination,
      isShared: () => isShared,
      ping: async () => answers,
    },
  })
const waits = { code: 'overloaded', status: 503, extra: { limit: 'rate_store' } }

describe('while the shared store of rate limits is away', () => {
  test('a login waits, before its password is looked at, with a hint of 2 to 5 s', async () => {
    const refused = logIn(contextWhile(false), { ...given, password: 'wrong' }, origin)
    await expect(refused).rejects.toMatchObject({
      ...waits,
      headers: { 'retry-after': expect.stringMatching(/^[2-5]$/) },
    })
    expect(await logIn(contextWhile(true), given, origin)).toMatchObject({ token_type: 'Bearer' })
  })

  test('new keys of developers and agents wait, and none is left behind', async () => {
    const ctx = contextWhile(false)
    await expect(createApiKey(ctx, { name: 'k', scopes: ['agents:read'] })).rejects.toMatchObject(waits)
    await expect(createAgentKey(ctx, agent, { name: 'k', scopes: ['agents:read'] })).rejects.toMatchObject(
      waits,
    )
    expect((await system.api.get('/auth/api-keys', { token: alice.token })).body.items).toEqual([])
  })

  test('one late answer refuses nobody: the store is asked again', async () => {
    expect(await logIn(contextWhile(false, true), given, origin)).toMatchObject({ token_type: 'Bearer' })
  })

  test('a session goes on: its refresh token is no secret that anybody guesses', async () => {
    const refreshed = await refreshSession(contextWhile(false), alice.refreshToken)
    expect(refreshed).toMatchObject({ token_type: 'Bearer' })
  })
})
