/** The operator's own certificate for consumers outside: beside the identity, and alone in a standalone stack. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Authority, keyPemOf, makeAuthority, type Pair, pemOf } from '#test/support/authority.ts'
import { ask, hasNginx, keepFor, makeSidecar, type Sidecar, shown } from '#test/support/sidecar.ts'

const HOST = 'outside.example.com'
const PING = '/api/v1/federation/ping'

describe.skipIf(!hasNginx())('the public certificate of nginx-federation', () => {
  const sidecars: Sidecar[] = []
  afterEach(async () => {
    for (const sidecar of sidecars.splice(0)) await sidecar.stop()
  })

  const make = async () => {
    const sidecar = await makeSidecar()
    sidecars.push(sidecar)
    const folder = join(sidecar.folder, 'public')
    mkdirSync(folder)
    return {
      sidecar,
      env: { FEDERATION_PUBLIC_HOST: HOST, PUBLIC_DIR: folder },
      place({ certificate }: Pick<Pair, 'certificate'>, { key }: Pick<Pair, 'key'>) {
        writeFileSync(join(folder, 'tls.crt'), pemOf({ certificate }))
        writeFileSync(join(folder, 'tls.key'), keyPemOf({ key }), { mode: 0o644 })
      },
      folder,
    }
  }
  const print = ({ certificate }: Pair) => certificate.fingerprint256
  const own = async (sidecar: Sidecar, north: Authority) => {
    const leaf = await north.leaf('/registry/north')
    await keepFor(sidecar.identity, leaf, [north])
    return leaf
  }
  const publicLeaf = async () =>
    (await makeAuthority('outside.example')).leaf('/x', { uris: [], dns: [HOST] })

  test('whoever asks for FEDERATION_PUBLIC_HOST gets it, everybody else the identity, and peers are asked for theirs on both', async () => {
    const { sidecar, env, place } = await make()
    const north = await makeAuthority('north.example')
    const identity = await own(sidecar, north)
    const leaf = await publicLeaf()
    place(leaf, leaf)
    await sidecar.start(1, env)
    expect(await shown(sidecar.port, HOST)).toBe(print(leaf))
    expect(await shown(sidecar.port, HOST.toUpperCase())).toBe(print(leaf))
    for (const name of [undefined, 'registry.example.com', `x.${HOST}`])
      expect(await shown(sidecar.port, name)).toBe(print(identity))
    for (const servername of [HOST, 'registry.example.com'])
      expect((await ask(sidecar.port, PING, { servername })).status).toBe(403)
    // Nothing listens behind it here: a peer that is let in gets as far as that.
    const hub = await north.leaf('/registry/hub')
    for (const servername of [HOST, 'registry.example.com'])
      expect((await ask(sidecar.port, PING, { as: hub, servername })).status).toBe(502)
  })

  test('both are changed while it runs: the identity by a reload, the public one with the next handshake', async () => {
    const { sidecar, env, place } = await make()
    const north = await makeAuthority('north.example')
    await own(sidecar, north)
    const first = await publicLeaf()
    place(first, first)
    await sidecar.start(1, env)
    const next = await own(sidecar, north)
    await expect.poll(() => shown(sidecar.port), { timeout: 15_000 }).toBe(print(next))
    const renewed = await publicLeaf()
    place(renewed, renewed)
    expect(await shown(sidecar.port, HOST)).toBe(print(renewed))
  })

  test.each([
    ['no certificate', null],
    ['the key of another', 'torn'],
    ['a key that it may not read', 'secret'],
  ] as const)('does not start with FEDERATION_PUBLIC_HOST and %s, and says why', async (_words, fault) => {
    const { sidecar, env, place, folder } = await make()
    await own(sidecar, await makeAuthority('north.example'))
    const leaf = await publicLeaf()
    if (fault) place(leaf, fault === 'torn' ? await publicLeaf() : leaf)
    if (fault === 'secret') {
      chownSync(join(folder, 'tls.key'), 0, 0)
      chmodSync(join(folder, 'tls.key'), 0o600)
    }
    await expect(sidecar.start(1, env)).rejects.toThrow(/nginx has ended/)
    expect(sidecar.log()).toMatch(fault === 'torn' ? /are no pair/ : /needs tls.crt and tls.key/)
  })

  test('refuses a host name that could say something to nginx', async () => {
    const { sidecar, env } = await make()
    await own(sidecar, await makeAuthority('north.example'))
    const host = 'a" /etc/passwd; default'
    await expect(sidecar.start(1, { ...env, FEDERATION_PUBLIC_HOST: host })).rejects.toThrow(
      /is no host name/,
    )
  })

  test('a standalone stack serves a renewed certificate without a restart, and a half of one not at all', async () => {
    const { sidecar, place, env } = await make()
    const first = await publicLeaf()
    place(first, first)
    await sidecar.start(1, { STANDALONE: 'true', PUBLIC_DIR: env.PUBLIC_DIR })
    expect(await shown(sidecar.port)).toBe(print(first))
    const renewed = await publicLeaf()
    place(renewed, first)
    await expect.poll(() => sidecar.log(), { timeout: 15_000 }).toContain('"reload_ok":false')
    expect(await shown(sidecar.port)).toBe(print(first))
    place(renewed, renewed)
    await expect.poll(() => shown(sidecar.port), { timeout: 15_000 }).toBe(print(renewed))
    const stranger = await (await makeAuthority('north.example')).leaf('/registry/hub')
    expect((await ask(sidecar.port, PING, { as: stranger })).status).toBe(403)
  })
})
