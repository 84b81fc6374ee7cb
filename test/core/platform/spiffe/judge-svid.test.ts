/** The rules of X.509-SVIDs, one by one: each certificate differs from a good one in a single thing. */
import { beforeAll, expect, test } from 'vitest'
import { parseSpiffeId, registryOf } from '#core/base/spiffe-id.ts'
import { judgeChain, judgeLeaf, judgeSigner, type SvidFault } from '#core/platform/spiffe/judge-svid.ts'
import { type Authority, type Different, makeAuthority, x509 } from '#test/support/authority.ts'

const { KeyUsageFlags: Use } = x509
const now = new Date()
const ID = 'spiffe://north.example/registry/north'
let authority: Authority
let foreign: Authority

beforeAll(async () => {
  authority = await makeAuthority('north.example')
  foreign = await makeAuthority('south.example')
})

const bundles = (domain: string) =>
  domain === 'north.example'
    ? [authority.certificate]
    : domain === 'south.example'
      ? [foreign.certificate]
      : null

test('takes a leaf as SPIRE makes it, with DNS names beside the ID and without extended uses', async () => {
  for (const different of [
    {},
    { dns: ['north.example.com', 'b.example'] },
    { extended: null },
    { noConstraints: true },
  ]) {
    const { certificate } = await authority.leaf('/registry/north', different)
    expect(judgeChain([certificate], bundles, now)).toMatchObject({ fault: null, id: { text: ID } })
  }
})

const leaves: [SvidFault, Different][] = [
  ['no_uri', { uris: [], dns: ['north.example'] }],
  ['several_uris', { uris: [ID, 'spiffe://north.example/other'] }],
  ['several_uris', { uris: [ID, 'https://north.example/'] }],
  ['no_spiffe_id', { uris: ['https://north.example/registry/north'] }],
  ['no_spiffe_id', { uris: ['spiffe://NORTH.example/registry/north'] }],
  ['no_spiffe_id', { uris: ['spiffe://north.example:443/registry/north'] }],
  ['no_spiffe_id', { uris: ['spiffe://user@north.example/registry/north'] }],
  ['no_spiffe_id', { uris: [`${ID}?a=b`] }],
  ['no_spiffe_id', { uris: [`${ID}#a`] }],
  ['no_spiffe_id', { uris: [`${ID}/`] }],
  ['no_spiffe_id', { uris: ['spiffe://north.example/registry/../north'] }],
  ['no_spiffe_id', { uris: ['spiffe://north.example/registry/n%6Frth'] }],
  ['no_spiffe_id', { uris: ['spiffe:///registry/north'] }],
  ['no_path', { uris: ['spiffe://north.example'] }],
  ['is_authority', { isAuthority: true }],
  ['no_key_usage', { usage: null }],
  ['key_usage_not_critical', { usageCritical: false }],
  ['no_digital_signature', { usage: Use.keyAgreement }],
  ['may_sign_certificates', { usage: Use.digitalSignature | Use.keyCertSign }],
  ['may_sign_crls', { usage: Use.digitalSignature | Use.cRLSign }],
  ['extended_uses_incomplete', { extended: ['1.3.6.1.5.5.7.3.2'] }],
  ['extended_uses_incomplete', { extended: ['1.3.6.1.5.5.7.3.1'] }],
  ['extended_uses_incomplete', { extended: ['1.3.6.1.5.5.7.3.4'] }],
  ['not_yet_valid', { from: new Date(now.getTime() + 60_000), until: new Date(now.getTime() + 120_000) }],
  ['expired', { from: new Date(now.getTime() - 120_000), until: new Date(now.getTime() - 60_000) }],
]
test.each(leaves)('refuses a leaf: %s %o', async (fault, different) => {
  const { certificate } = await authority.leaf('/registry/north', different)
  expect(judgeLeaf(certificate, now)).toEqual({ fault })
  expect(judgeChain([certificate], bundles, now)).toEqual({ fault })
})

test('refuses a leaf that has an extension twice', async () => {
  const twice = new x509.SubjectAlternativeNameExtension([
    { type: 'url', value: 'spiffe://north.example/other' },
  ])
  const { certificate } = await authority.leaf('/registry/north', { extensions: [twice] })
  expect(judgeLeaf(certificate, now)).toEqual({ fault: 'unreadable' })
})

const signers: [SvidFault, Different][] = [
  ['signer_is_no_authority', { isAuthority: false }],
  ['signer_may_not_sign', { usage: Use.digitalSignature }],
  ['signer_may_not_sign', { usage: null }],
  ['signer_has_path', { uris: ['spiffe://north.example/registry/north'] }],
  ['signer_of_other_domain', { uris: ['spiffe://south.example'] }],
  ['expired', { from: new Date(now.getTime() - 120_000), until: new Date(now.getTime() - 60_000) }],
]
test.each(signers)('refuses what signs: %s', async (fault, different) => {
  const signer = await makeAuthority('north.example', different)
  const { certificate } = await signer.leaf('/registry/north', { uris: [ID] })
  expect(judgeSigner(signer.certificate, 'north.example', now)).toBe(fault)
  // What may not sign is no issuer for OpenSSL in the first place.
  const judged = judgeChain([certificate], () => [signer.certificate], now)
  expect([fault, 'untrusted']).toContain(judged.fault)
})

test('refuses an ID of this domain that the authority of another domain has signed, though both are known', async () => {
  const { certificate } = await foreign.leaf('/registry/north', { uris: [ID] })
  expect(judgeChain([certificate], bundles, now)).toEqual({ fault: 'untrusted' })
})

test('refuses a leaf of a domain without bundle, and one that signed itself', async () => {
  const stranger = await makeAuthority('west.example')
  const { certificate } = await stranger.leaf('/registry/west')
  expect(judgeChain([certificate], bundles, now)).toEqual({ fault: 'untrusted' })
  const alone = await makeAuthority('north.example', {
    uris: [ID],
    isAuthority: false,
    usage: Use.digitalSignature,
    extended: null,
  })
  expect(judgeChain([alone.certificate], bundles, now)).toEqual({ fault: 'untrusted' })
})

test('follows authorities between leaf and bundle, and counts them against the path length', async () => {
  const between = await authority.below()
  const { certificate: leaf } = await between.leaf('/registry/north')
  expect(judgeChain([leaf, between.certificate], bundles, now)).toMatchObject({ fault: null })
  expect(judgeChain([leaf], bundles, now)).toEqual({ fault: 'untrusted' })
  const strict = await makeAuthority('north.example', { pathLength: 0 })
  const under = await strict.below()
  const { certificate: far } = await under.leaf('/registry/north')
  expect(judgeChain([far, under.certificate], () => [strict.certificate], now)).toEqual({
    fault: 'path_too_long',
  })
  const other = await foreign.below()
  expect(judgeChain([leaf, other.certificate], bundles, now)).toEqual({ fault: 'signer_of_other_domain' })
})

test('takes a leaf that any of several authorities of its domain has signed: a rotation', async () => {
  const next = await makeAuthority('north.example')
  const { certificate } = await next.leaf('/registry/north')
  const both = [authority.certificate, next.certificate]
  expect(judgeChain([certificate], () => both, now)).toMatchObject({ fault: null })
})

test('names the registry of an ID, and of no other', () => {
  const name = (text: string) => {
    const id = parseSpiffeId(text)
    return id && registryOf(id)
  }
  expect(name('spiffe://north.example/registry/north')).toBe('north')
  expect(name('spiffe://north.example/registry')).toBeNull()
  expect(name('spiffe://north.example/registry/north/more')).toBeNull()
  expect(name('spiffe://north.example/event-store')).toBeNull()
})
