import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureOperatorKey } from '#core/registry/accounts/credentials/ensure-operator-key.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { relayOwnEvents, relayTegEvents } from '#core/registry/stream/relay-events.ts'
import { loadDoors } from '#core/runtime/compose-app.ts'
import { registryDoors } from '#functions/index.ts'
import { driveRegistry, type World } from '#test/runtimes/drive-registry.ts'
import { openCanon } from '#test/runtimes/fixed.ts'
import type { Answer } from '#test/runtimes/hosts.ts'
import { closeStages, openers, openStage, server } from '#test/runtimes/registry-hosts.ts'
import type { TableRequest } from '#test/runtimes/requests.ts'
import { registryContext } from '#test/support/context.ts'
import { startPaymentWorld } from '#test/support/payment-world.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'

const ADDRESS = '192.0.2.7'

describe.skipIf(server === null)('every group answers alike on every host', () => {
  let template = ''
  let world: World
  const expected: [TableRequest, Answer][] = []

  /** Drives the table over a host. @returns each request with its answer */
  async function drive(name: string): Promise<[TableRequest, Answer][]> {
    const stage = await openStage(template)
    const host = await (openers[name] as (typeof openers)[string])(stage)
    const answers: [TableRequest, Answer][] = []
    await driveRegistry(world, async (request) => {
      host.seed(answers.length + 1)
      const answer = await host.send(request, ADDRESS)
      answers.push([request, answer])
      return answer
    })
    await host.close()
    return answers
  }

  beforeAll(async () => {
    const { system, alice, bob, carol, payer, payee } = await startPaymentWorld()
    await ensureOperatorKey(system.registry)
    const ctx = registryContext(system.registry)
    await relayTegEvents(ctx)
    await relayOwnEvents(ctx)
    const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
    world = {
      alice: alice.token,
      bob: bob.token,
      carol: carol.token,
      refreshToken: alice.refreshToken,
      email: alice.email,
      operator: OPERATOR_KEY,
      payer: payer.id,
      payee: payee.id,
      rows: mounted.flatMap(({ prefix, group }) =>
        group.rows.map(({ method, path }) => ({
          method: method.toUpperCase(),
          path: `${prefix}${path === '/' ? '' : path}` || '/',
        })),
      ),
    }
    const [row] = await system.registry.db.query<{ name: string }>('select current_database() as name')
    template = row?.name ?? ''
    await system.registry.db.close()
    expected.push(...(await drive('app')))
  })
  afterAll(closeStages)

  test('the table reaches every row, most statuses, and no bug', () => {
    const statuses = expected.map(([, { status }]) => status)
    expect(expected.length).toBeGreaterThan(300)
    expect(statuses.filter((status) => status >= 500)).toEqual([])
    expect([...new Set(statuses)].sort()).toEqual(
      expect.arrayContaining([200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 422, 428]),
    )
    expect(statuses.filter((status) => status < 300).length).toBeGreaterThan(70)
  })

  test.each(Object.keys(openers).filter((name) => name !== 'app'))(
    '%s',
    async (name) => {
      const answers = await drive(name)
      const [canon, canonOfApp] = [openCanon(), openCanon()]
      const differing = answers.flatMap(([request, answer], at) => {
        const [wanted, other] = expected[at] as [TableRequest, Answer]
        const here = canon(request.what + JSON.stringify(answer))
        const same = canonOfApp(wanted.what + JSON.stringify(other)) === here
        return same ? [] : [{ what: request.what, wanted: other, got: answer }]
      })
      expect(differing.slice(0, 3)).toEqual([])
      expect(answers.length).toBe(expected.length)
    },
    180_000,
  )
})
