/** The X.509 source against a Workload API that misbehaves in every way that the standard and SPIRE's history know. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openSource, SourceClosed, SourceEmpty, type SourceState } from '#core/platform/spiffe/open-source.ts'
import type { MessageFault, Svid } from '#core/platform/spiffe/read-message.ts'
import { judgeEndpoint, openWorkloadApi, type WorkloadApi } from '#core/platform/spiffe/workload-api.ts'
import { type Authority, type Issued, makeAuthority } from '#test/support/authority.ts'
import { eventually } from '#test/support/eventually.ts'
import { type FakeApi, type FakeMessage, serveWorkloadApi, svidOf } from '#test/support/workload-api.ts'

let authority: Authority
let foreign: Authority
let leaf: Issued
let second: Issued
let folder: string
let fake: FakeApi
let api: WorkloadApi
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  authority = await makeAuthority('north.example')
  foreign = await makeAuthority('south.example')
  leaf = await authority.leaf('/registry/north')
  second = await authority.leaf('/registry/north')
})
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'workload-'))
  fake = await serveWorkloadApi(join(folder, 'agent.sock'))
  api = openWorkloadApi(fake.endpoint)
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  api.close()
  await fake.stop()
  rmSync(folder, { recursive: true })
})

const good = (): FakeMessage => ({ svids: [svidOf(leaf, authority)], federated_bundles: {} })

/** A source whose waits end when the test says so. */
function open(pick?: (svids: readonly Svid[]) => Svid | undefined) {
  const waits: number[] = []
  const states: [SourceState, number | undefined][] = []
  const refusals: MessageFault[] = []
  let updates = 0
  let release: () => void = () => undefined
  const source = openSource({
    api,
    now: () => new Date(),
    wait: (milliseconds, signal) =>
      new Promise((resolve) => {
        waits.push(milliseconds)
        release = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      }),
    ...(pick ? { pick } : {}),
    onUpdate: () => updates++,
    onRefusal: ({ fault }) => refusals.push(fault),
    onState: (state, end) => states.push([state, end?.code]),
  })
  closers.push(() => source.close())
  /** Ends the wait number n (from 1), once it is there. */
  const pass = async (n: number) => {
    await eventually(() => expect(waits).toHaveLength(n))
    release()
  }
  return { source, waits, states, refusals, updates: () => updates, pass }
}
const serial = (source: ReturnType<typeof open>['source']) =>
  source.context().svid.chain[0]?.serialNumber.replace(/^0+/, '')
const serialOf = (issued: Issued) => issued.certificate.serialNumber.replace(/^0+/, '')

test('is ready with the first message, and gives identity and bundles of one moment', async () => {
  const { source } = open()
  expect(() => source.context()).toThrow(SourceEmpty)
  fake.send({ ...good(), federated_bundles: { 'spiffe://south.example': foreign.certificate.raw } })
  await source.ready()
  expect(source.context().svid.id.text).toBe('spiffe://north.example/registry/north')
  expect(source.bundleOf('north.example')).toHaveLength(1)
  expect(source.bundleOf('south.example')).toHaveLength(1)
  expect(source.bundleOf('west.example')).toBeNull()
  expect(source.state()).toBe('connected')
})

test('takes each message as the whole: a rotated SVID replaces the old one, an absent bundle is unloaded', async () => {
  const { source, updates } = open()
  fake.send({ ...good(), federated_bundles: { 'spiffe://south.example': foreign.certificate.raw } })
  await source.ready()
  fake.send({ svids: [svidOf(second, authority)] })
  await eventually(() => expect(updates()).toBe(2))
  expect(serial(source)).toBe(serialOf(second))
  expect(source.bundleOf('south.example')).toBeNull()
})

test('serves what it holds while the agent is gone, and waits 1 s, 2 s, 3 s, ... between its attempts', async () => {
  const { source, waits, states, pass } = open()
  fake.send(good())
  await source.ready()
  await fake.stop()
  for (let n = 1; n <= 3; n++) await pass(n)
  await eventually(() => expect(waits).toHaveLength(4))
  expect(waits).toEqual([1000, 2000, 3000, 4000])
  expect(states.at(-1)?.[0]).toBe('down')
  expect(serial(source)).toBe(serialOf(leaf))
})

test('waits at most 30 s, and begins anew after a good message', async () => {
  fake.refuse(14, 'starting')
  const { source, waits, pass } = open()
  for (let n = 1; n <= 32; n++) await pass(n)
  await eventually(() => expect(waits).toHaveLength(33))
  expect(waits.slice(28)).toEqual([29_000, 30_000, 30_000, 30_000, 30_000])
  fake.send(good())
  await pass(33)
  await source.ready()
  fake.drop()
  await eventually(() => expect(waits).toHaveLength(34))
  expect(waits.at(-1)).toBe(1000)
})

test('comes back when the stream is closed without a word, again and again', async () => {
  const { source, pass, updates } = open()
  fake.send(good())
  await source.ready()
  for (let n = 1; n <= 3; n++) {
    fake.drop(0)
    await pass(n)
    await eventually(() => expect(updates()).toBe(n + 1))
  }
  expect(fake.opened()).toBe(4)
})

test('comes back to an agent that was started again on the same socket', async () => {
  const { source, pass, updates, waits } = open()
  fake.send(good())
  await source.ready()
  await fake.stop()
  await eventually(() => expect(waits.length).toBeGreaterThan(0))
  await fake.start()
  fake.send({ svids: [svidOf(second, authority)] })
  for (let n = 1; updates() < 2 && n < 20; n++) {
    await pass(n)
    await eventually(() => expect(updates() === 2 || waits.length > n).toBe(true))
  }
  expect(serial(source)).toBe(serialOf(second))
})

test('tells a denial apart and goes on asking', async () => {
  const { source, states, pass } = open()
  fake.send(good())
  await source.ready()
  fake.refuse(7, 'no identity issued')
  await eventually(() => expect(states.at(-1)).toEqual(['denied', 7]))
  fake.send(good())
  await pass(1)
  await eventually(() => expect(source.state()).toBe('connected'))
})

test.each([
  [3, 'security header missing from request'],
  [12, 'unknown service'],
])('stops for good where asking again is of no use: code %i', async (code, details) => {
  fake.refuse(code, details)
  const { source, waits } = open()
  await expect(source.ready()).rejects.toThrow(details)
  expect(source.state()).toBe('stopped')
  expect(waits).toEqual([])
  expect(fake.opened()).toBe(1)
})

const raw = (issued: Issued) => svidOf(issued, authority)
const bad: [MessageFault, () => Promise<FakeMessage> | FakeMessage][] = [
  ['no_svids', () => ({ svids: [] })],
  ['unreadable', () => ({ svids: [{ ...raw(leaf), x509_svid: Buffer.from('nonsense') }] })],
  ['unreadable', () => ({ svids: [{ ...raw(leaf), x509_svid: Buffer.alloc(0) }] })],
  ['unreadable', () => ({ svids: [{ ...raw(leaf), x509_svid: raw(leaf).x509_svid.subarray(0, -1) }] })],
  [
    'unreadable',
    () => ({ svids: [{ ...raw(leaf), x509_svid: Buffer.concat([raw(leaf).x509_svid, Buffer.of(0)]) }] }),
  ],
  ['bad_key', () => ({ svids: [{ ...raw(leaf), x509_svid_key: Buffer.from('nonsense') }] })],
  ['key_mismatch', () => ({ svids: [{ ...raw(leaf), x509_svid_key: raw(second).x509_svid_key }] })],
  ['id_mismatch', () => ({ svids: [{ ...raw(leaf), spiffe_id: 'spiffe://north.example/registry/other' }] })],
  ['no_spiffe_id', () => ({ svids: [{ ...raw(leaf), spiffe_id: 'north' }] })],
  ['bad_bundle', () => ({ svids: [{ ...raw(leaf), bundle: Buffer.alloc(0) }] })],
  ['bad_bundle', () => ({ ...good(), federated_bundles: { 'spiffe://south.example': Buffer.from('x') } })],
  ['bad_bundle', () => ({ ...good(), federated_bundles: { 'south.example': foreign.certificate.raw } })],
  ['bad_bundle', () => ({ ...good(), federated_bundles: { 'spiffe://a.example': leaf.certificate.raw } })],
  ['untrusted', () => ({ svids: [{ ...raw(leaf), bundle: foreign.certificate.raw }] }) as FakeMessage],
  [
    'expired',
    async () => {
      const [from, until] = [new Date(Date.now() - 9e6), new Date(Date.now() - 8e6)]
      return { svids: [raw(await authority.leaf('/registry/north', { from, until }))] }
    },
  ],
]
test.each(bad)('refuses a message whole and holds what it has: %s', async (fault, make) => {
  const { source, refusals, updates } = open()
  fake.send(good())
  await source.ready()
  fake.send(await make())
  await eventually(() => expect(refusals).toHaveLength(1))
  // A bundle of another domain has no authority of ours: either word says so.
  expect(fault === 'untrusted' ? ['untrusted', 'bad_bundle'] : [fault]).toContain(refusals[0])
  expect(serial(source)).toBe(serialOf(leaf))
  expect(updates()).toBe(1)
  fake.send({ svids: [svidOf(second, authority)] })
  await eventually(() => expect(serial(source)).toBe(serialOf(second)))
})

test('takes the first of several identities, or the one that is picked, and the first of two with one hint', async () => {
  const other = await authority.leaf('/event-store')
  const message: FakeMessage = {
    svids: [
      { ...svidOf(leaf, authority), hint: 'a' },
      { ...svidOf(second, authority), hint: 'a' },
      { ...svidOf(other, authority), hint: 'b' },
    ],
  }
  fake.send(message)
  const { source } = open()
  await source.ready()
  expect(serial(source)).toBe(serialOf(leaf))
  expect(source.context().context.svids).toHaveLength(2)
  const picked = open((svids) => svids.find(({ hint }) => hint === 'b'))
  await picked.source.ready()
  expect(picked.source.context().svid.id.path).toBe('/event-store')
})

test('after closing tells so, ends its stream, and may be closed twice; whoever waited is told', async () => {
  const { source } = open()
  const waiting = expect(source.ready()).rejects.toThrow(SourceClosed)
  await eventually(() => expect(fake.open()).toBe(1))
  await Promise.all([source.close(), source.close()])
  await waiting
  expect(() => source.context()).toThrow(SourceClosed)
  expect(() => source.bundleOf('north.example')).toThrow(SourceClosed)
  await eventually(() => expect(fake.open()).toBe(0))
})

test('takes the two forms of an endpoint and no other', () => {
  for (const endpoint of ['unix:///run/agent.sock', 'tcp://127.0.0.1:8080', 'tcp://[::1]:8080'])
    expect(judgeEndpoint(endpoint)).toBeNull()
  for (const endpoint of [
    '/run/agent.sock',
    'unix://host/agent.sock',
    'unix:agent.sock',
    'unix:///a?b',
    'tcp://localhost:8080',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:8080/path',
    'https://127.0.0.1:8080',
  ])
    expect(judgeEndpoint(endpoint), endpoint).not.toBeNull()
})
