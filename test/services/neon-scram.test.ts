import { randomBytes } from 'node:crypto'
import { Client } from '@neondatabase/serverless'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openNeon } from '#core/platform/database/neon.ts'
import { openNeonHttp } from '#core/platform/database/neon-http.ts'
import { proxyOf } from '#core/platform/database/neon-way.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { type Bridge, serveBridge } from '#host/bridge/serve-bridge.ts'
import { type PrivatePostgres, startPostgres } from '#test/bench/start-postgres.ts'
import { worker } from '#test/runtimes/hosts.ts'
import { type Pooler, startPooler } from '#test/support/pgbouncer.ts'
import { serverUrl } from '#test/support/services.ts'
import { bundleText } from '../../stacks/bundle.ts'

const TOKEN = 'token-of-the-bridge-in-tests-0123456789'
const USER = 'ninefold_registry'
/** With signs that an address must escape. */
const PASSWORD = `p${randomBytes(8).toString('hex')}~-_`
const DATABASE = 'registry'
/** What each says of a wrong password. */
const refusal = {
  'a server': { code: '28P01', message: `password authentication failed for user "${USER}"` },
  pgbouncer: { code: '08P01', message: 'SASL authentication failed' },
}

/** The server and pgbouncer as the containers have them: scram-sha-256 on both ways in. */
describe.skipIf(serverUrl('PGBOUNCER_TEST_URL') === null)(
  'the bridge before passwords proven by SCRAM',
  () => {
    let server: PrivatePostgres
    let pooler: Pooler
    const bridges: Bridge[] = []
    const urls: Record<'a server' | 'pgbouncer', string> = { 'a server': '', pgbouncer: '' }

    beforeAll(async () => {
      server = await startPostgres({ auth: 'scram', settings: { password_encryption: 'scram-sha-256' } })
      const admin = openPg({ url: server.url, max: 1 })
      await admin.script(`create role ${USER} login password '${PASSWORD}'`)
      await admin.script(`create database ${DATABASE} owner ${USER}`)
      await admin.close()
      pooler = await startPooler({ server: server.port, database: DATABASE, user: USER, password: PASSWORD })
      urls['a server'] = `postgres://${USER}:${PASSWORD}@127.0.0.1:${server.port}/${DATABASE}`
      urls.pgbouncer = pooler.url
      const owner = openPg({ url: urls['a server'], max: 1 })
      await owner.script('create table known (n int8 not null)')
      await owner.close()
    })
    afterAll(async () => {
      for (const bridge of bridges) await bridge.stop()
      await pooler?.stop()
      await server?.stop()
    })

    async function wayTo(url: string) {
      const bridge = await serveBridge({
        target: new URL(url).host,
        token: TOKEN,
        connections: 10,
        port: 0,
        address: '127.0.0.1',
        log: silentLog,
        newId: () => 'id',
      })
      bridges.push(bridge)
      return { url: `http://127.0.0.1:${bridge.port}`, token: TOKEN }
    }
    const withPassword = (url: string, password: string) => {
      const wrong = new URL(url)
      wrong.password = password
      return wrong.href
    }

    describe.each(['a server', 'pgbouncer'] as const)('of %s', (which) => {
      test('the driver over a WebSocket proves its password, and its transactions hold', async () => {
        const db = openNeon({ url: urls[which], bridge: await wayTo(urls[which]), max: 2 })
        expect(await db.query('select current_user as who, $1::int8 as n', [5n])).toEqual([
          { who: USER, n: 5n },
        ])
        await db.transaction((tx) => tx.query('insert into known (n) values (1)'))
        const failed = db.transaction(async (tx) => {
          await tx.query('insert into known (n) values (2)')
          throw new Error('undone')
        })
        await expect(failed).rejects.toThrow('undone')
        expect(await db.query('select n from known where n in (1, 2)')).toEqual([{ n: 1n }])
        await db.query('delete from known')
        await db.close()
      })

      test('a statement over HTTP does so, too', async () => {
        const db = openNeonHttp({ url: urls[which], bridge: await wayTo(urls[which]) })
        expect(await db.query('select current_user as who')).toEqual([{ who: USER }])
      })

      test('a wrong password is refused as the server refuses it, over both ways, and the token does not help', async () => {
        const way = await wayTo(urls[which])
        const db = openNeon({ url: withPassword(urls[which], 'wrong'), bridge: way, max: 1 })
        const http = openNeonHttp({ url: withPassword(urls[which], 'wrong'), bridge: way })
        await expect(db.query('select 1')).rejects.toMatchObject(refusal[which])
        await expect(http.query('select 1')).rejects.toMatchObject(refusal[which])
        const none = openNeonHttp({ url: urls[which].replace(`:${PASSWORD}`, ':'), bridge: way })
        await expect(none.query('select 1')).rejects.toThrow(/password/i)
        await db.close()
      })

      test('the driver’s own way of sending the password ahead is refused: it is for Neon’s edge, and we turn it off', async () => {
        const { host, socket } = proxyOf(await wayTo(urls[which]))
        const client = new Client(urls[which])
        client.neonConfig.wsProxy = (at, port) => `${host}/v1?address=${at}:${port}`
        client.neonConfig.useSecureWebSocket = false
        client.neonConfig.pipelineTLS = false
        client.neonConfig.webSocketConstructor = socket as never
        client.neonConfig.pipelineConnect = 'password'
        client.on('error', () => undefined)
        const asked = client.connect().then(() => client.query('select 1'))
        await expect(asked).rejects.toThrow(/SASL|password|terminated/)
        await client.end()
      })

      test('a Worker on workerd proves it as well, and hears of a wrong one', async () => {
        const { url: BRIDGE_URL, token: BRIDGE_TOKEN } = await wayTo(urls[which])
        const text = "export { default } from './test/support/scram-worker.ts'\n"
        const { files } = await bundleText(text, 'worker', ['neon'])
        for (const [password, status, body] of [
          [PASSWORD, 200, [{ n: '7', who: USER }]],
          ['wrong', 500, refusal[which]],
        ] as const) {
          const DATABASE_URL = withPassword(urls[which], password)
          const host = await worker(files['index.js'] ?? '', { DATABASE_URL, BRIDGE_URL, BRIDGE_TOKEN })
          const reply = await host.miniflare.dispatchFetch('http://worker.example/')
          expect(reply.status).toBe(status)
          expect(await reply.json()).toMatchObject(body)
          await host.close()
        }
      })
    })
  },
)
