/** The way out through the sidecar: a real nginx takes the registry to its peers, under its identity and to nobody else. */
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { silentLog } from '#core/platform/log.ts'
import { openSidecar } from '#core/platform/open-sidecar.ts'
import { listen } from '#core/runtime/to-node.ts'
import { writePeers } from '#host/write-peers.ts'
import { type Issued, keyPemOf, makeAuthority, pemOf } from '#test/support/authority.ts'
import { hasNginx, keepFor, makeSidecar, SIDECAR_TOKEN } from '#test/support/sidecar.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

describe.skipIf(!hasNginx())('the inner port of nginx-federation', () => {
  const closers: (() => Promise<unknown> | unknown)[] = []
  afterAll(async () => {
    for (const close of closers.reverse()) await close()
  })

  test('takes the registry to its peers under its own identity, and to nobody else', async () => {
    const north = await makeAuthority('north.example')
    const south = await makeAuthority('south.example')
    const sidecar = await makeSidecar()
    closers.push(() => sidecar.stop())
    await keepFor(sidecar.identity, await north.leaf('/registry/north', { dns: ['127.0.0.1'] }), [
      north,
      south,
    ])
    await sidecar.start(1)
    const seen: (string | undefined)[] = []
    const serve = async (leaf: Issued) => {
      const server = createServer(
        {
          cert: pemOf(leaf),
          key: keyPemOf(leaf),
          ca: pemOf(north),
          requestCert: true,
          rejectUnauthorized: true,
        },
        (request, reply) => {
          seen.push((request.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName)
          const { host, 'x-federation-token': token } = request.headers
          reply.end(JSON.stringify({ path: request.url, host, token: token ?? null }))
        },
      )
      closers.push(() => server.close())
      return listen(server as never, 0, '127.0.0.1')
    }
    const good = await serve(await south.leaf('/registry/south', { dns: ['127.0.0.1'] }))
    const nameless = await serve(await south.leaf('/registry/south', { dns: ['other.example'] }))
    const imposter = await serve(await north.leaf('/registry/south', { dns: ['127.0.0.1'] }))
    const peer = (name: string, port: number, domain = 'south') => ({
      name,
      spiffe_id: `spiffe://${domain}.example/registry/${name}`,
      url: `https://127.0.0.1:${port}`,
    })
    const config = readConfig({
      IDENTITY_DIR: sidecar.identity,
      FEDERATION_PROXY_TOKEN: SIDECAR_TOKEN,
      FEDERATION_PROXY_URL: `http://127.0.0.1:${sidecar.innerPort}`,
      FEDERATION_CONFIG_DIR: sidecar.federation,
      FEDERATION_PEERS: JSON.stringify([
        peer('good', good),
        peer('nameless', nameless),
        peer('imposter', imposter),
        peer('unknown', good, 'east'),
      ]),
    })
    const system = await startSystem()
    const writer = writePeers(config, silentLog, system.registry.db)
    closers.push(() => writer?.stop())
    await writer?.look()
    const client = openSidecar({ url: `http://127.0.0.1:${sidecar.innerPort}`, token: SIDECAR_TOKEN })
    closers.push(() => client.close())
    const get = (name: string) => client.fetchFor(name)(new Request('https://peer.example/a/b?c=d'))
    await expect.poll(async () => (await get('good')).status, { timeout: 15_000 }).toBe(200)
    seen.length = 0
    const reply = await get('good')
    expect(await reply.json()).toEqual({ path: '/a/b?c=d', host: `127.0.0.1:${good}`, token: null })
    expect(seen).toEqual(['URI:spiffe://north.example/registry/north, DNS:127.0.0.1'])
    // A certificate for another name; one that another domain's authority signed; no bundle; nobody of that name.
    for (const [name, status] of [
      ['nameless', 502],
      ['imposter', 502],
      ['unknown', 421],
      ['nobody', 421],
    ] as const)
      expect((await get(name)).status, name).toBe(status)
    expect(seen).toHaveLength(1)
    // Whom an operator puts into quarantine is not reached any more either.
    const put = await system.api.post(
      '/federation/quarantine',
      { spiffe_id: 'spiffe://south.example/registry/good', reason: 'test' },
      { token: OPERATOR_KEY },
    )
    await writer?.look()
    await expect.poll(async () => (await get('good')).status, { timeout: 15_000 }).toBe(421)
    await system.api.delete(`/federation/quarantine/${put.body.id}`, { token: OPERATOR_KEY })
    await writer?.look()
    await expect.poll(async () => (await get('good')).status, { timeout: 15_000 }).toBe(200)
    const stranger = openSidecar({ url: `http://127.0.0.1:${sidecar.innerPort}`, token: 'x'.repeat(32) })
    closers.push(() => stranger.close())
    expect((await stranger.fetchFor('good')(new Request('https://peer.example/'))).status).toBe(403)
  })
})
