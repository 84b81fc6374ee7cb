/** A stack by itself: its own currency, its own EventStore, wss under the operator's certificate, no SPIRE. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, shown } from '#test/support/sidecar.ts'
import { openSocket } from '#test/support/socket.ts'
import { hasDocker, makeStack, type Stack } from './parts/stack.ts'

describe.skipIf(!hasDocker())('a standalone stack', () => {
  let stack: Stack
  beforeAll(async () => {
    // Nobody registers here: no mail is sent.
    stack = await makeStack(1, 'standalone')
    await stack.compose('build', '-q')
  })
  afterAll(() => stack?.remove())

  test('comes up without agent and cert-writer, mints, and tells its events to its own EventStore', async () => {
    await stack.compose('up', '-d', '--wait', '--wait-timeout', '120')
    const services = (await stack.compose('ps', '--format', '{{.Service}}')).split('\n').sort()
    expect(services).toEqual([
      'db',
      'es-db',
      'event-store',
      'nginx-federation',
      'pgbouncer',
      'redis',
      'registry',
      'teg-db',
      'teg-layer',
    ])
    const token = stack.operatorKey
    const minted = await stack.api.post(
      '/operator/mint',
      { amount: '5', memo: 'to begin with' },
      { token, key: 'mint-1' },
    )
    expect(minted.status).toBeLessThan(300)
    expect((await stack.api.get('/audit/supply')).body.tokens_circulating).toBe('5')
    const read = async () => {
      const { items } = (await stack.api.get('/events', { token })).body
      return items.length > 0 && items.every(({ event }: { event: object }) => 'ledgerindex' in event)
    }
    await expect.poll(read, { timeout: 30_000, interval: 200 }).toBe(true)
    const { body } = await stack.api.get('/health', { token })
    expect(body).toMatchObject({ status: 'ok', spire: { state: 'absent' }, event_store: { state: 'up' } })
  })

  test('serves wss under the certificate of the operator, and has no peers', async () => {
    const own = new X509Certificate(readFileSync(`${stack.folder}/public/tls.crt`))
    expect(await shown(stack.federationPort)).toBe(own.fingerprint256)
    const socket = await openSocket(`wss://127.0.0.1:${stack.federationPort}/ws/events`, {
      headers: { authorization: `Bearer ${stack.operatorKey}` },
      rejectUnauthorized: false,
    })
    socket.socket.terminate()
    const stranger = await stack.authority.leaf('/registry/hub')
    const reply = await ask(stack.federationPort, '/api/v1/federation/ping', { as: stranger })
    expect(reply.status).toBe(403)
    expect((await stack.api.get('/federation/identity')).body).toMatchObject({
      identity: 'none',
      spiffe_id: null,
    })
  })
})
