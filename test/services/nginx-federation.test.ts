/** The mTLS sidecar: a real nginx from our templates, before the registry's own federation port. */
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { openVerifier } from '#core/platform/spiffe/open-verifier.ts'
import { listen } from '#core/runtime/to-node.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { type Events, runEvents } from '#host/run-events.ts'
import { buildFederation } from '#host/serve-federation.ts'
import { registerDeveloper } from '#test/support/accounts.ts'
import { type Authority, type Issued, makeAuthority, pemOf } from '#test/support/authority.ts'
import {
  ask,
  hasNginx,
  keepFor,
  makeSidecar,
  SIDECAR_TOKEN,
  type Sidecar,
  shown,
} from '#test/support/sidecar.ts'
import { openSocket, type TestSocket } from '#test/support/socket.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'
import { makePlaceholder } from '../../containers/cert-writer/make-placeholder.ts'
import { writeIdentity } from '../../containers/cert-writer/write-identity.ts'

const PING = '/api/v1/federation/ping'

describe.skipIf(!hasNginx())('nginx-federation', () => {
  let north: Authority
  let south: Authority
  let west: Authority
  let own: Issued
  let hub: Issued
  let sidecar: Sidecar
  let registryPort: number
  let events: Events
  const closers: (() => Promise<unknown> | unknown)[] = []
  const sockets: TestSocket[] = []

  const write = (leaf: Issued, ...federated: Authority[]) =>
    keepFor(sidecar.identity, leaf, [north, ...federated])

  beforeAll(async () => {
    north = await makeAuthority('north.example')
    south = await makeAuthority('south.example')
    west = await makeAuthority('west.example')
    own = await north.leaf('/registry/north', { dns: ['127.0.0.1'] })
    hub = await north.leaf('/registry/hub')
    sidecar = await makeSidecar()
    closers.push(() => sidecar.stop())
    await writeIdentity(sidecar.identity, makePlaceholder(new Date(), systemRandom), new Date())
    const system = await startSystem({ REGISTRY_NAME: 'north', IDENTITY_DIR: sidecar.identity })
    const { app, resources } = await buildRegistry({
      config: system.config,
      resources: system.registry,
      teg: system.registry.teg,
      wake: (what) => (what === 'relay' ? events?.wake() : undefined),
      observe: () => undefined,
      draining: () => false,
    })
    const federation = buildFederation({
      app,
      token: SIDECAR_TOKEN,
      verifier: openVerifier(sidecar.identity, () => new Date()),
      newId: () => crypto.randomUUID(),
      draining: () => false,
    })
    events = await runEvents(resources, [federation])
    closers.push(async () => {
      await events.drain()
      await events.stop()
      federation.server.closeAllConnections()
      federation.server.close()
    })
    registryPort = await listen(federation.server, 0, '127.0.0.1')
    await sidecar.start(registryPort)
    api = system.api
    tell = () => registerDeveloper(system).then(() => undefined)
  })
  let tell: () => Promise<void>
  let api: System['api']
  afterEach(() => {
    for (const { socket } of sockets.splice(0)) socket.terminate()
  })
  afterAll(async () => {
    for (const close of closers.reverse()) await close()
  })
  const ping = (as: Issued | null, headers: Record<string, string> = {}) =>
    ask(sidecar.port, PING, { as, headers })
  const connect = async () => {
    const socket = await openSocket(`wss://127.0.0.1:${sidecar.port}/ws/events`, {
      headers: { authorization: `Bearer ${OPERATOR_KEY}` },
      rejectUnauthorized: false,
    })
    sockets.push(socket)
    return socket
  }
  /** Writes it, and waits until nginx has read it: it shows the certificate. */
  const changed = async (...federated: Authority[]) => {
    own = await north.leaf('/registry/north', { dns: ['127.0.0.1'] })
    await write(own, ...federated)
    await expect.poll(() => shown(sidecar.port), { timeout: 15_000 }).toBe(own.certificate.fingerprint256)
  }

  test('starts with a placeholder: wss works, nobody is a peer', async () => {
    expect((await ping(hub)).status).toBe(403)
    const socket = await connect()
    await tell()
    expect((await socket.events(1))[0]?.event).toMatchObject({ type: 'developer.verified' })
    await changed(south)
    expect((await ping(hub)).status).toBe(200)
  })

  test('tells a peer who it is, by the certificate that it shows', async () => {
    expect((await ping(hub)).body).toEqual({
      registry: 'north',
      caller_spiffe_id: 'spiffe://north.example/registry/hub',
    })
    const foreign = await south.leaf('/registry/south')
    expect((await ping(foreign)).body.caller_spiffe_id).toBe('spiffe://south.example/registry/south')
  })

  test('refuses who shows no certificate, one of an unknown domain, an expired one, or one not valid yet: 403', async () => {
    const hour = 3_600_000
    const times = (from: number, until: number) => ({
      from: new Date(Date.now() + from * hour),
      until: new Date(Date.now() + until * hour),
    })
    for (const as of [
      null,
      await west.leaf('/registry/hub', { uris: ['spiffe://north.example/registry/hub'] }),
      await north.leaf('/registry/hub', times(-3, -1)),
      await north.leaf('/registry/hub', times(1, 3)),
    ])
      expect((await ping(as)).body).toMatchObject({ status: 403, code: 'client_certificate_required' })
  })

  test('refuses an ID that the authority of another known domain has signed: nginx lets it in, the registry does not', async () => {
    const forged = await south.leaf('/registry/hub', { uris: ['spiffe://north.example/registry/hub'] })
    expect(await ping(forged)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  })

  test('a peer in quarantine is refused with its next request, and no other; once it is lifted it is back', async () => {
    const put = await api.post(
      '/federation/quarantine',
      { spiffe_id: 'spiffe://north.example/registry/hub', reason: 'floods us' },
      { token: OPERATOR_KEY },
    )
    expect(put.status).toBe(201)
    expect(await ping(hub)).toMatchObject({ status: 403, body: { code: 'peer_quarantined' } })
    expect((await ping(await north.leaf('/registry/other'))).status).toBe(200)
    // It cannot lift it itself.
    expect((await ask(sidecar.port, '/api/v1/federation/quarantine', { as: hub })).status).toBe(403)
    await api.delete(`/federation/quarantine/${put.body.id}`, { token: OPERATOR_KEY })
    expect((await ping(hub)).status).toBe(200)
  })

  test('overwrites what a client says of itself', async () => {
    const forged = {
      'x-client-verify': 'SUCCESS',
      'x-client-certificate': encodeURIComponent(pemOf(hub)),
      'x-federation-token': SIDECAR_TOKEN,
    }
    expect((await ping(null, forged)).status).toBe(403)
    const other = await north.leaf('/registry/other')
    expect((await ping(other, forged)).body.caller_spiffe_id).toBe('spiffe://north.example/registry/other')
  })

  test('the port behind it believes nobody without the token, whatever the headers say', async () => {
    const headers = { 'x-client-verify': 'SUCCESS', 'x-client-certificate': encodeURIComponent(pemOf(hub)) }
    for (const token of [undefined, 'guess', `${SIDECAR_TOKEN}x`]) {
      const reply = await fetch(`http://127.0.0.1:${registryPort}${PING}`, {
        headers: { ...headers, ...(token ? { 'x-federation-token': token } : {}) },
      })
      expect(reply.status).toBe(401)
    }
    await expect(openSocket(`ws://127.0.0.1:${registryPort}/ws/events`, {})).rejects.toMatchObject({
      status: 401,
    })
  })

  test('shows nothing else of the registry: 404', async () => {
    for (const path of [
      '/',
      '/health',
      '/api/v1/agents',
      '/api/v1/federation',
      '/metrics',
      '/ws/events/',
      '/api/v1/ws',
    ])
      expect((await ask(sidecar.port, path, { as: hub })).status, path).toBe(404)
    // A path that climbs is made plain before it is looked up.
    expect((await ask(sidecar.port, '/api/v1/federation/../agents', { as: hub })).status).toBe(404)
  })

  test('a bundle that is withdrawn shuts its domain out at once, and in again when it returns', async () => {
    const foreign = await south.leaf('/registry/south')
    expect((await ping(foreign)).status).toBe(200)
    await write(own)
    // Before any reload: the registry reads the bundles anew.
    expect([401, 403]).toContain((await ping(foreign)).status)
    await changed()
    expect((await ping(foreign)).status).toBe(403)
    expect((await ping(hub)).status).toBe(200)
    await changed(south)
    expect((await ping(foreign)).status).toBe(200)
  })

  test('a pair that is changed again and again under load is never met in two halves: no request fails', async () => {
    let rotating = true
    const failures: unknown[] = []
    let served = 0
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (rotating) {
          const { status } = await ping(hub).catch((error) => ({ status: error as unknown }))
          if (status === 200) served++
          else failures.push(status)
        }
      }),
    )
    for (let n = 0; n < 20; n++) {
      const from = served
      await write(await north.leaf('/registry/north', { dns: ['127.0.0.1'] }), south)
      while (served < from + 8 && failures.length === 0) await new Promise((done) => setImmediate(done))
    }
    for (let n = 0; n < 3; n++) await changed(south)
    rotating = false
    await load
    expect(failures).toEqual([])
    expect(served).toBeGreaterThan(160)
  })

  test('six reloads leave open WebSockets open, and a folder without authorities changes nothing', async () => {
    const socket = await connect()
    for (let n = 0; n < 6; n++) await changed(...(n % 2 === 0 ? [south, west] : [south]))
    await tell()
    expect((await socket.events(1))[0]?.event).toMatchObject({ type: 'developer.verified' })
    const before = await shown(sidecar.port)
    rmSync(join(sidecar.identity, 'current'))
    symlinkSync('nowhere', join(sidecar.identity, 'current'))
    await expect
      .poll(() => sidecar.log(), { timeout: 15_000 })
      .toContain('the new certificates, authorities or peers are refused')
    expect(socket.socket.readyState).toBe(socket.socket.OPEN)
    expect(await shown(sidecar.port)).toBe(before)
    await changed(south)
    expect((await ping(hub)).status).toBe(200)
  })

  test('a certificate of one generation with the key of another is refused; the old pair goes on until a whole one comes', async () => {
    const before = await shown(sidecar.port)
    const [one, other] = [await north.leaf('/registry/north'), await north.leaf('/registry/north')]
    const at = sidecar.log().length
    await keepFor(sidecar.identity, { certificate: one.certificate, key: other.key }, [north, south])
    await expect.poll(() => sidecar.log().slice(at), { timeout: 15_000 }).toContain('"reload_ok":false')
    expect(sidecar.log().slice(at)).toContain('key values mismatch')
    expect(await shown(sidecar.port)).toBe(before)
    expect((await ping(hub)).status).toBe(200)
    expect(sidecar.log().slice(at).split('"reload_ok":false')).toHaveLength(2)
    await changed(south)
    expect(await shown(sidecar.port)).not.toBe(before)
    expect((await ping(hub)).status).toBe(200)
  })

  test('logs JSON lines without queries, where tickets travel', async () => {
    await ask(sidecar.port, '/ws/events?ticket=a-secret-ticket')
    await expect.poll(() => sidecar.log()).toContain('"path":"/ws/events"')
    expect(sidecar.log()).not.toContain('a-secret-ticket')
    for (const line of sidecar
      .log()
      .split('\n')
      .filter((text) => text.startsWith('{')))
      JSON.parse(line)
  })
})
