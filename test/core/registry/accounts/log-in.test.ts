import { beforeAll, describe, expect, test } from 'vitest'
import { registerDeveloper } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem()
})

describe('a developer', () => {
  test('registers, verifies the address by mail and logs in', async () => {
    const developer = await registerDeveloper(system)
    const logout = await system.api.post('/auth/logout', undefined, { token: developer.token })
    expect(logout.status).toBe(204)
    const again = await system.api.post('/auth/refresh', { refresh_token: developer.refreshToken })
    expect(again.status).toBe(401)
  })
})
