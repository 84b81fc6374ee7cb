/** The EventStore under its own identity: who a registry is, and for which sources it speaks, its SPIFFE ID decides. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { request, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { listen, toNode } from '#core/runtime/to-node.ts'
import { openTls } from '#host/serve-tls.ts'
import { type Authority, type Issued, keyPemOf, makeAuthority, pemOf } from '#test/support/authority.ts'
import { eventOf, STORE_TOKEN, startStore } from '#test/support/event-store.ts'
import { keepFor, shown } from '#test/support/sidecar.ts'

const folder = mkdtempSync(join(tmpdir(), 'tls-'))
const identity = join(folder, 'identity')
let north: Authority
let south: Authority
let registry: Issued
let port: number
let server: Server
let rest: () => void

beforeAll(async () => {
  mkdirSync(identity)
  north = await makeAuthority('north.example')
  south = await makeAuthority('south.example')
  registry = await north.leaf('/registry/north')
  await keepFor(identity, await north.leaf('/event-store', { dns: ['events.example'] }), [north, south])
  const { app } = await startStore({ EVENT_STORE_TLS_DIR: identity })
  const tls = openTls(identity, () => new Date(), silentLog)
  server = toNode(app, { newId: () => crypto.randomUUID(), tls: tls.options, peerOf: tls.peerOf }) as Server
  rest = tls.keepFresh(server, 20)
  port = await listen(server as never, 0, '127.0.0.1')
})
afterAll(() => {
  rest()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

function send(as: Issued | null, source: string, sequence: number, token?: string) {
  return new Promise<{ status: number; code: string | undefined }>((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path: '/events',
        method: 'POST',
        agent: false,
        rejectUnauthorized: false,
        headers: {
          'content-type': 'application/json',
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        ...(as ? { cert: pemOf(as), key: keyPemOf(as) } : {}),
      },
      (incoming) => {
        let text = ''
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, code: JSON.parse(text).code }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify({ events: [eventOf(sequence, source)] }))
  })
}

test('takes the events of the registry that the certificate names, and of no other', async () => {
  expect((await send(registry, '/registries/north/registry', 1)).status).toBe(200)
  expect(await send(registry, '/registries/northern/registry', 1)).toEqual({
    status: 403,
    code: 'source_not_allowed',
  })
  const other = await north.leaf('/registry/other')
  expect(await send(other, '/registries/north/registry', 2)).toEqual({
    status: 403,
    code: 'source_not_allowed',
  })
  expect((await send(other, '/registries/other/teg', 1)).status).toBe(200)
})

test('a workload that is no registry speaks for no source', async () => {
  const workload = await north.leaf('/event-store')
  expect(await send(workload, '/registries/north/registry', 2)).toEqual({
    status: 403,
    code: 'source_not_allowed',
  })
})

test('knows nobody without a certificate, with an expired one, with one of another domain or of its own making', async () => {
  const [from, until] = [new Date(Date.now() - 9e6), new Date(Date.now() - 8e6)]
  const namesake = await south.leaf('/registry/north')
  const forged = await south.leaf('/registry/north', { uris: ['spiffe://north.example/registry/north'] })
  for (const as of [null, await north.leaf('/registry/north', { from, until }), namesake, forged])
    expect(await send(as, '/registries/north/registry', 2)).toEqual({ status: 401, code: 'unauthenticated' })
  // The token still opens it, for an operator of the frame who has one.
  expect((await send(null, '/registries/ninefold/registry', 1, STORE_TOKEN)).status).toBe(200)
})

test('shows a new certificate from the next handshake on, and serves on while there is none', async () => {
  const next = await north.leaf('/event-store', { dns: ['events.example'] })
  await keepFor(identity, next, [north, south])
  await expect.poll(() => shown(port)).toBe(next.certificate.fingerprint256)
  rmSync(join(identity, 'current'))
  expect(await shown(port)).toBe(next.certificate.fingerprint256)
  // Without bundles nobody is known: a withdrawn identity is out at once.
  expect((await send(registry, '/registries/north/registry', 2)).status).toBe(401)
})
