/** The text of a payment token is nobody's but the payee's: it stands in no log line and in no table. */
import { expect, test } from 'vitest'
import { openLog } from '#core/platform/log.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { registryContext } from '#test/support/context.ts'
import { startPaymentWorld } from '#test/support/payment-world.ts'
import { x402Payload } from '../../../sdk/src/index.ts'

const lines: string[] = []
const log = openLog({ level: 'debug', write: (line) => lines.push(line) })
const { system, issue, issued, verify, redeem, alice, bob, payee } = await startPaymentWorld(log)

test('issued, verified, redeemed, settled, refused, replayed and relayed, a token leaves its text nowhere', async () => {
  const one = await issued({ task_ref: 'planted-task' })
  const key = 'repeated'
  const two = (await issue({ amount: '1' }, alice.token, key)).body
  expect((await issue({ amount: '1' }, alice.token, key)).body.token).toBe(two.token)
  expect((await verify(one.token)).status).toBe(200)
  expect((await verify(one.token, alice.token)).status).toBe(403)
  expect((await verify(`${one.token}.x`)).status).toBe(400)
  expect((await redeem(one.token)).status).toBe(200)
  expect((await redeem(one.token)).status).toBe(409)
  const wanted = {
    scheme: 'exact',
    network: 'registry:ninefold',
    amount: '1000000',
    asset: 'AVT',
    payTo: payee.did,
    maxTimeoutSeconds: 60,
  }
  const body = { paymentPayload: x402Payload(two.token, wanted), paymentRequirements: wanted }
  expect((await system.api.post('/x402/settle', body, { token: bob.token })).body.success).toBe(true)
  for (let round = 0; round < 5; round++) await relayEvents(registryContext(system.registry))

  // The signature alone, so that no prefix and no encoding of ours hides it.
  const secrets = [one, two].map(({ token }) => token.split('.')[2] as string)
  expect(lines.length).toBeGreaterThan(5)
  for (const secret of secrets) expect(lines.join('\n')).not.toContain(secret)
  const { db } = system.registry
  const tables = await db.query<{ name: string }>(
    `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
     where schemaname in ('registry', 'teg') order by 1`,
  )
  expect(tables.length).toBeGreaterThan(20)
  let sawTask = false
  for (const { name } of tables) {
    const [row] = await db.query<{ hits: bigint; tasks: bigint }>(
      `select count(*) filter (where t::text like any ($1::text[])) as hits,
         count(*) filter (where t::text like '%planted-task%') as tasks from ${name} t`,
      [secrets.map((secret) => `%${secret}%`)],
    )
    expect([name, Number(row?.hits)]).toEqual([name, 0])
    sawTask ||= Number(row?.tasks) > 0
  }
  // The search finds what is there.
  expect(sawTask).toBe(true)
}, 90_000)
