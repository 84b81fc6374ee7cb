/** What the sidecar is told: every part has a shape that can say nothing else to nginx. */
import { describe, expect, test } from 'vitest'
import { destinationsOf, renderPeers } from '#core/registry/identity/rules.ts'

const options = {
  port: 9443,
  folder: '/federation/current/ca',
  hostOf: (name: string) => `${name}.peers.internal`,
}
const peer = (more: object = {}) => ({
  name: 'hub',
  url: 'https://hub.example.com',
  trustDomain: 'example.com',
  ...more,
})

test('writes a server for each peer', () => {
  const text = renderPeers([peer(), peer({ name: 'b', url: 'https://b.example.com:8443/' })], options)
  expect(text).toContain(
    'listen 9443;\n  server_name hub.peers.internal;\n  set $upstream "hub.example.com:443";',
  )
  expect(text).toContain('set $upstream_host "hub.example.com";')
  expect(text).toContain('set $upstream "b.example.com:8443";\n  set $upstream_host "b.example.com:8443";')
  expect(text).toContain('proxy_ssl_trusted_certificate "/federation/current/ca/b.pem";')
})

test.each([
  { name: 'hub;return 200' },
  { name: '../hub' },
  { name: 'Hub' },
  { name: '' },
  { url: 'https://[::1]/' },
  { url: 'https://a_b$host/' },
])('leaves out what could say something else: %o', (more) => {
  expect(renderPeers([peer(more)], options)).not.toContain('server')
})

describe('destinations', () => {
  const declared = {
    name: 'hub',
    spiffe_id: 'spiffe://example.com/registry/hub',
    url: 'https://hub.example.com',
  }
  test('are the peers, and the EventStore under our own trust domain', () => {
    const store = { name: 'event-store', url: 'https://events.example.com', trustDomain: 'example.com' }
    expect(destinationsOf([declared], store)).toEqual([peer(), store])
    // Nothing is shown to an EventStore before there is an identity, or over plain HTTP.
    expect(destinationsOf([declared], { ...store, trustDomain: null })).toEqual([peer()])
    expect(destinationsOf([declared], { ...store, url: 'http://event-store:8090' })).toEqual([peer()])
    expect(destinationsOf([{ ...declared, spiffe_id: 'hub' }], { ...store, url: undefined })).toEqual([])
  })
})
