import type { LookupAddress } from 'node:dns'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openOutbound } from '#core/platform/outbound.ts'
import { createWebhook } from '#core/registry/webhooks/create-webhook.ts'
import type { TestDeveloper } from '#test/support/accounts.ts'
import { startWebhooks } from '#test/support/webhooks.ts'

/** Without any network allowed: what every registry is unless its operator says otherwise. */
const strict = await startWebhooks({})
/** With this machine allowed, to have something to reach. */
const open = await startWebhooks()
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  alice = await strict.developer()
  bob = await open.developer()
  await open.tell()
  await open.queue()
})
beforeEach(async () => {
  open.sink.reset()
  await open.clear(bob.token)
})
const at = (...addresses: string[]): readonly LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** Ways to write an address that must not be reached: decimal, hex, octal, short, mapped, translated, own networks. */
const spellings = [
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://127.1/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://10.0.0.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[fd00::1]/',
  'https://[fe80::1]/',
]

describe('at save', () => {
  test.each(spellings)('%s is refused with 400 validation_failed at /url', async (url) => {
    const answer = await strict.system.api.post('/webhooks', { url, types: ['>'] }, { token: alice.token })
    expect([answer.status, answer.body.code, answer.body.errors]).toEqual([
      400,
      'validation_failed',
      [{ pointer: '/url', code: 'refused_address', detail: expect.any(String) }],
    ])
  })

  test.each(['http://example.com/', 'https://user:word@example.com/', 'https://example.com:22/', 'example'])(
    '%s is refused with 400 validation_failed at /url',
    async (url) => {
      const answer = await strict.system.api.post('/webhooks', { url, types: ['>'] }, { token: alice.token })
      expect([answer.status, answer.body.errors[0]]).toMatchObject([
        400,
        { pointer: '/url', code: 'refused_url' },
      ])
    },
  )

  test('a name that leads inside is refused; one that cannot be looked up now is taken', async () => {
    const { registry } = strict.system
    const caller = {
      kind: 'developer',
      account: alice.account,
      email: alice.email,
      emailVerified: true,
      roles: [],
      scopes: null,
      session: null,
      key: null,
    } as const
    const create = (resolve: () => Promise<readonly LookupAddress[]>) => {
      const ctx = strict.open({ caller, outbound: openOutbound({ resolve }) })
      return createWebhook(ctx, { url: 'https://inside.example/', types: ['>'] })
    }
    await expect(create(async () => at('93.184.216.34', '10.0.0.1'))).rejects.toMatchObject({
      code: 'validation_failed',
    })
    expect(await registry.db.query('select 1 from registry.webhooks')).toEqual([])
    const failed = async () => {
      throw new Error('EAI_AGAIN')
    }
    expect(await create(failed)).toMatchObject({ url: 'https://inside.example/' })
    expect(await create(async () => at('93.184.216.34'))).toMatchObject({ status: 'active' })
  })

  test('a change of the address is judged too, and changes nothing when it is refused', async () => {
    const { api } = open.system
    const webhook = await open.make(bob.token)
    const answer = await api.patch(
      `/webhooks/${webhook.id}`,
      { url: 'https://10.0.0.1/' },
      { token: bob.token },
    )
    expect([answer.status, answer.body.errors[0].code]).toEqual([400, 'refused_address'])
    const read = await api.get(`/webhooks/${webhook.id}`, { token: bob.token })
    expect(read.body.url).toBe(open.sink.url())
  })
})

describe('at every send', () => {
  const error = async (id: string) =>
    (await open.system.api.get(`/webhooks/${id}/deliveries`, { token: bob.token })).body.items[0].log.at(-1)

  test.each(spellings)('%s is not reached, whatever stands in the database', async (url) => {
    const webhook = await open.make(bob.token)
    await open.system.registry.db.query('update registry.webhooks set url = $2 where id = $1', [
      webhook.id,
      url,
    ])
    await open.tell({})
    await open.queue()
    const outbound = openOutbound()
    await open.deliver({ outbound })
    expect(await error(webhook.id)).toMatchObject({ status: null, error: 'refused_address' })
    expect(open.sink.received).toEqual([])
  })

  test('a name that changes between the check and the connection is judged by the address that is connected to', async () => {
    const webhook = await open.make(bob.token)
    const name = `http://rebinding.example:${open.sink.port}/`
    await open.system.registry.db.query('update registry.webhooks set url = $2 where id = $1', [
      webhook.id,
      name,
    ])
    const answers = [at('93.184.216.34'), at('127.0.0.1')]
    let asked = 0
    const outbound = openOutbound({
      allowHttp: true,
      ports: 'any',
      resolve: async () => answers[asked++] ?? at('127.0.0.1'),
    })
    // The check sees a public address ...
    await outbound.checkName(name)
    await open.tell({})
    await open.queue()
    // ... and the connection an inner one.
    await open.deliver({ outbound })
    expect(asked).toBe(2)
    expect(await error(webhook.id)).toMatchObject({ error: 'refused_address' })
    expect(open.sink.received).toEqual([])
    await outbound.close()
  })

  test('a redirect to an inner address is not followed', async () => {
    const webhook = await open.make(bob.token)
    open.sink.answer = (_request, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/inner' }).end()
    await open.tell({})
    await open.queue()
    await open.deliver()
    expect(await error(webhook.id)).toMatchObject({ status: 307, error: 'http_3xx' })
    expect(open.sink.received).toHaveLength(1)
  })
})
