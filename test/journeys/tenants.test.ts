/** No tenant reads or changes what is another's: every route with an id, taken from the doors. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RegistryContext } from '#core/registry/context.ts'
import { loadDoors } from '#core/runtime/compose-app.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { registryDoors } from '#functions/index.ts'
import { registerDeveloper } from '#test/support/accounts.ts'
import { arbitraryOf, type Operation, operationsOf } from '#test/support/arbitrary.ts'
import { startSystem } from '#test/support/system.ts'
import { lookAt, makeTenant } from '#test/support/tenant.ts'

const system = await startSystem()
const payee = await makeTenant(system)
const victim = await makeTenant(system, payee.agent)
const stranger = await registerDeveloper(system)
const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
const info = { title: '', version: '', description: '', serverUrl: system.config.PUBLIC_URL }
const document = describeApi(mounted as never, info)
const operations = operationsOf(document)
const isPublic = (operation: Operation) => {
  const paths = document.paths as Record<string, Record<string, { security: object[] }>>
  const security = paths[operation.path]?.[operation.method.toLowerCase()]?.security ?? []
  return security.some((one) => Object.keys(one).length === 0)
}
const withIds = operations.filter(({ path }) => path.includes('{'))

/** The path with the victim's ids in it. */
function pathOfVictim(operation: Operation): string {
  const owned = [...victim.owned].filter(([prefix]) => operation.path.startsWith(prefix))
  const ids = owned.sort(([a], [b]) => b.length - a.length)[0]?.[1]
  return operation.path.replace(/\{([a-z_]+)\}/g, (_, name: string) => {
    const value = ids?.[name]
    if (value === undefined) throw new Error(`${operation.path}: give the tenant a ${name}`)
    return value
  })
}

describe('a stranger', () => {
  test('is tried on every route with an id', () => {
    expect(withIds.length).toBeGreaterThan(15)
    for (const operation of withIds) pathOfVictim(operation)
  })

  test.each(
    withIds.filter((operation) => !isPublic(operation)).map((o) => [`${o.method} ${o.path}`, o] as const),
  )('gets 403 or 404 and changes nothing by %s', async (_name, operation) => {
    const before = await lookAt(system, victim)
    const body = operation.body
      ? arbitraryOf(operation.body, document, [victim.agent, payee.agent])
      : fc.constant(undefined)
    await fc.assert(
      fc.asyncProperty(body, fc.uuid(), async (sent, key) => {
        const options = { token: stranger.token, key, headers: { 'if-match': '*' } }
        const answer = await callAs(operation, pathOfVictim(operation), sent, options)
        // 400 is the shape of what was sent; a success must not be possible.
        expect([400, 403, 404, 413], `${answer.status} ${answer.text}`).toContain(answer.status)
        expect(answer.text).not.toContain(victim.email)
      }),
      { numRuns: operation.body ? 15 : 1 },
    )
    expect(await lookAt(system, victim)).toEqual(before)
  })

  test('sees nothing of another in any list', async () => {
    const lists = operations.filter(
      (o) => o.method === 'GET' && !o.path.includes('{') && !o.path.endsWith('/stream') && !isPublic(o),
    )
    for (const operation of lists) {
      const answer = await system.api.get(operation.path, { token: stranger.token })
      const secrets = [
        victim.email,
        ...[...victim.owned.values()].flatMap((ids) => Object.values(ids)),
      ].filter((id) => id.length > 10)
      for (const secret of secrets)
        if (answer.status === 200 && !operation.path.endsWith('/events'))
          expect(answer.text, operation.path).not.toContain(secret)
    }
  })

  test('does not see the transfers of others among the events', async () => {
    const answer = await system.api.get('/events?limit=200', { token: stranger.token })
    expect(answer.text).not.toContain('transfer.completed')
  })

  test('cannot pay from, or refund for, an agent of another', async () => {
    const order = { from_agent: victim.agent, to_agent: payee.agent, amount: '1' }
    const paid = await system.api.post('/transfers', order, { token: stranger.token, key: 'steal' })
    expect([paid.status, paid.body.code]).toEqual([403, 'not_owner'])
    const batch = await system.api.post(
      '/transfers/batch',
      { transfers: [order] },
      { token: stranger.token, key: 'steal-2' },
    )
    expect(batch.body.items[0]).toMatchObject({ status: 'refused', error: { code: 'not_owner' } })
  })
})

function callAs(operation: Operation, path: string, body: unknown, options: object) {
  const method = operation.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'
  if (method === 'get' || method === 'delete') return system.api[method](path, options)
  return system.api[method](path, body, options)
}
