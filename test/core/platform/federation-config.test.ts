/** The configuration of federation: what is refused, in which words. */
import { describe, expect, test } from 'vitest'
import { type ConfigError, readConfig } from '#core/platform/config.ts'

const peer = {
  name: 'hub',
  spiffe_id: 'spiffe://example.com/registry/hub',
  url: 'https://hub.example.com',
  role: 'hub',
}
const faults = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(env)
    return []
  } catch (error) {
    return (error as ConfigError).faults
  }
}
const whole = {
  IDENTITY_DIR: '/identity',
  FEDERATION_PROXY_TOKEN: 'x'.repeat(32),
  FEDERATION_PROXY_URL: 'http://nginx-federation:9443',
  FEDERATION_CONFIG_DIR: '/federation',
}

test('takes peers as JSON, a peer by default', () => {
  const { FEDERATION_PEERS: peers } = readConfig({ ...whole, FEDERATION_PEERS: JSON.stringify([peer]) })
  expect(peers).toEqual([peer])
  const { role, ...plain } = peer
  expect(readConfig({ ...whole, FEDERATION_PEERS: JSON.stringify([plain]) }).FEDERATION_PEERS[0]?.role).toBe(
    'peer',
  )
  expect(role).toBe('hub')
  expect(readConfig({}).FEDERATION_PEERS).toEqual([])
})

test.each([
  ['nonsense', 'must be JSON'],
  ['{}', 'is wrong at /'],
  [JSON.stringify([{ ...peer, name: 'Hub' }]), '/0/name'],
  [JSON.stringify([{ ...peer, url: 'http://hub.example.com' }]), '/0/url'],
  [JSON.stringify([{ ...peer, spiffe_id: 'hub' }]), '/0/spiffe_id'],
  [JSON.stringify([{ ...peer, more: 1 }]), 'is wrong at /0'],
  [JSON.stringify([peer, peer]), 'twice'],
  [JSON.stringify([{ ...peer, name: 'event-store' }]), 'event-store'],
])('refuses peers that are none: %s', (text, words) => {
  expect(faults({ ...whole, FEDERATION_PEERS: text }).join()).toContain(words)
})

test('names what is missing for what is there', () => {
  expect(faults(whole)).toEqual([])
  // A standalone stack: WebSockets come through the sidecar, peers do not.
  expect(faults({ FEDERATION_PROXY_TOKEN: whole.FEDERATION_PROXY_TOKEN })).toEqual([])
  const without = (name: keyof typeof whole) => faults({ ...whole, [name]: '' }).join()
  expect(without('IDENTITY_DIR')).toContain('IDENTITY_DIR: is required')
  expect(without('FEDERATION_PROXY_TOKEN')).toContain('FEDERATION_PROXY_TOKEN: is required')
  expect(without('FEDERATION_CONFIG_DIR')).toContain('FEDERATION_CONFIG_DIR: is required')
  expect(faults({ FEDERATION_PEERS: JSON.stringify([peer]) }).join()).toContain(
    'FEDERATION_PROXY_URL: is required',
  )
})

describe('minting authority in the federated mode', () => {
  const minting = { MINTING_AUTHORITY: 'teg-layer' }
  const remote = {
    EVENT_STORE_URL: 'https://events.example.com',
    EVENT_STORE_IDENTITY_DIR: '/identity',
  }
  test.each([
    [{ IDENTITY_DIR: '/identity' }, 'IDENTITY_DIR'],
    [whole, 'IDENTITY_DIR, FEDERATION_PROXY_URL'],
    [{ ...whole, FEDERATION_PEERS: JSON.stringify([peer]) }, 'FEDERATION_PROXY_URL, FEDERATION_PEERS'],
    [remote, 'EVENT_STORE_URL with EVENTSTORE_MTLS_REQUIRED=true'],
  ])('is refused with %o', (env, named) => {
    expect(faults(env)).toEqual([])
    expect(faults({ ...env, ...minting })).toEqual([
      expect.stringMatching(/^MINTING_AUTHORITY: must be disabled in the federated mode \(/),
    ])
    expect(faults({ ...env, ...minting }).join()).toContain(named)
  })

  test('is taken where the registry stands alone, and by a TEG of its own', () => {
    expect(faults(minting)).toEqual([])
    const local = { EVENT_STORE_SERVICE_TOKEN: 'x'.repeat(32), EVENTSTORE_MTLS_REQUIRED: 'false' }
    expect(faults({ ...minting, ...local, EVENT_STORE_URL: 'http://event-store:8090' })).toEqual([])
    expect(faults({ ...minting, ...remote, EVENT_STORE_ENABLED: 'false' })).toEqual([])
    // The standalone stack: the sidecar's token for wss, and nothing of a federation.
    expect(faults({ ...minting, FEDERATION_PROXY_TOKEN: 'x'.repeat(32), IDENTITY_DIR: '' })).toEqual([])
    const teg = { HOST_SERVICES: 'teg', TEG_SERVICE_TOKEN: 'x'.repeat(32) }
    expect(faults({ ...minting, ...teg })).toEqual([])
  })
})

test('the sidecar is an identity source of the EventStore', () => {
  const remote = { EVENT_STORE_URL: 'https://events.example.com' }
  expect(faults(remote).join()).toContain('no identity source is configured')
  expect(faults({ ...whole, ...remote })).toEqual([])
})
