/** cert-writer's folder: what is written, when it is turned, when it is taken away, and what is mended. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { silentLog } from '#core/platform/log.ts'
import { openWorkloadApi, type WorkloadApi } from '#core/platform/spiffe/workload-api.ts'
import { type Authority, type Issued, makeAuthority } from '#test/support/authority.ts'
import { eventually } from '#test/support/eventually.ts'
import { type FakeApi, serveWorkloadApi, svidOf } from '#test/support/workload-api.ts'
import {
  DEEP_LOOK_MS,
  DENIED_GRACE_MS,
  type Keeper,
  keepIdentity,
} from '../../../containers/cert-writer/keep-identity.ts'
import { readIntact, replaceFile, writeIdentity } from '../../../containers/cert-writer/write-identity.ts'

const ID = 'spiffe://north.example/registry/north'
let authority: Authority
let foreign: Authority
let leaf: Issued
let second: Issued
let root: string
let folder: string
let fake: FakeApi
let api: WorkloadApi
let keeper: Keeper | null = null
let later = 0
let writes: string[] = []

beforeAll(async () => {
  authority = await makeAuthority('north.example')
  foreign = await makeAuthority('south.example')
  leaf = await authority.leaf('/registry/north')
  second = await authority.leaf('/registry/north')
})
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'identity-'))
  folder = join(root, 'identity')
  mkdirSync(folder)
  fake = await serveWorkloadApi(join(root, 'agent.sock'))
  api = openWorkloadApi(fake.endpoint)
  later = 0
  writes = []
})
afterEach(async () => {
  await keeper?.close()
  keeper = null
  api.close()
  await fake.stop()
  rmSync(root, { recursive: true })
})

const start = async () => {
  keeper = await keepIdentity({
    folder,
    api,
    now: () => new Date(Date.now() + later),
    // A wait ends with the test's next turn of the event loop: time is moved by `later`.
    wait: (_milliseconds, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 5)
        const stop = () => {
          clearTimeout(timer)
          resolve()
        }
        signal.addEventListener('abort', stop, { once: true })
      }),
    random: systemRandom,
    log: silentLog,
    onWrite: (why) => writes.push(why),
  })
  return keeper
}
const read = (name: string) => readFileSync(join(folder, 'current', name), 'utf8')
const certificate = () => new X509Certificate(read('svid.pem'))
const mode = (name: string) => statSync(join(folder, 'current', name)).mode & 0o777
const is = async (issued: Issued) =>
  eventually(() => expect(certificate().fingerprint256).toBe(issued.certificate.fingerprint256))
const isPlaceholder = async () => eventually(() => expect(certificate().subject).toContain('placeholder'))

test('has a placeholder before anything has come: nginx can start, and no peer believes it', async () => {
  const { status } = await start()
  expect(status()).toMatchObject({ identity: 'none', spiffe_id: null })
  expect(certificate().subject).toContain('placeholder')
  expect(certificate().checkPrivateKey(createPrivateKey(read('svid_key.pem')))).toBe(true)
  expect(new X509Certificate(read('client_ca.pem')).subject).toContain('placeholder')
})

test('writes chain, key, bundles and meta with their modes, through one link', async () => {
  const { status } = await start()
  fake.send({
    svids: [svidOf(leaf, authority)],
    federated_bundles: { 'spiffe://south.example': foreign.certificate.raw },
  })
  await is(leaf)
  expect(certificate().checkPrivateKey(createPrivateKey(read('svid_key.pem')))).toBe(true)
  expect(mode('svid_key.pem')).toBe(0o640)
  for (const name of ['svid.pem', 'bundle.pem', 'client_ca.pem', 'meta.json', 'bundles/south.example.pem'])
    expect(mode(name), name).toBe(0o644)
  expect(new X509Certificate(read('bundle.pem')).fingerprint256).toBe(authority.certificate.fingerprint256)
  expect(new X509Certificate(read('bundles/south.example.pem')).fingerprint256).toBe(
    foreign.certificate.fingerprint256,
  )
  expect(read('client_ca.pem').match(/BEGIN/g)).toHaveLength(2)
  expect(JSON.parse(read('meta.json'))).toMatchObject({
    spiffe_id: ID,
    trust_domain: 'north.example',
    federated: ['south.example'],
    not_after: leaf.certificate.validToDate.toISOString(),
  })
  await eventually(() =>
    expect(status()).toMatchObject({ identity: 'ok', workload_api: 'connected', refused: null }),
  )
  expect(readlinkSync(join(folder, 'current'))).toMatch(/^v-\d{13}-[0-9a-f]{12}$/)
})

test('turns the link for a change alone, and keeps two old versions for whoever is reading them', async () => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  const before = readlinkSync(join(folder, 'current'))
  fake.send({ svids: [svidOf(leaf, authority)] })
  fake.drop()
  await eventually(() => expect(fake.open()).toBe(1))
  await it.settled()
  expect(readlinkSync(join(folder, 'current'))).toBe(before)
  for (let n = 0; n < 5; n++) {
    const next = await authority.leaf('/registry/north')
    later += 1000
    fake.send({ svids: [svidOf(next, authority)] })
    await is(next)
  }
  await it.settled()
  expect(readdirSync(folder).filter((name) => name.startsWith('v-'))).toHaveLength(3)
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('writes what has come while an older one was being written', async () => {
  const it = await start()
  for (let n = 0; n < 20; n++) {
    const pair = [await authority.leaf('/registry/north'), await authority.leaf('/registry/north')]
    later += 1000
    for (const one of pair) fake.send({ svids: [svidOf(one, authority)] })
    await is(pair[1] as Issued)
  }
  await it.settled()
})

test('a reader of the pair never meets two halves, however often it is turned', async () => {
  await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  const pairs = [leaf, second]
  let torn = 0
  for (let n = 1; n <= 40; n++) {
    fake.send({ svids: [svidOf(pairs[n % 2] as Issued, authority)] })
    // As nginx opens them: both through the version that the link shows at this moment.
    const version = readlinkSync(join(folder, 'current'))
    const [cert, key] = ['svid.pem', 'svid_key.pem'].map((name) => readFileSync(join(folder, version, name)))
    if (!new X509Certificate(cert as Buffer).checkPrivateKey(createPrivateKey(key as Buffer))) torn++
  }
  expect(torn).toBe(0)
})

test('a message with the key of another certificate changes nothing on disk', async () => {
  const { status } = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  fake.send({
    svids: [{ ...svidOf(second, authority), x509_svid_key: svidOf(leaf, authority).x509_svid_key }],
  })
  await eventually(() => expect(status().refused).toBe('key_mismatch'))
  await is(leaf)
})

test('a denial takes the identity away after the grace and not before, also over a restart; it comes back with the agent', async () => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  fake.refuse(7, 'no identity issued')
  await eventually(() => expect(it.status().workload_api).toBe('denied'))
  later = DENIED_GRACE_MS - 60_000
  await it.look()
  await is(leaf)
  await it.close()
  const again = await start()
  await eventually(() => expect(again.status().workload_api).toBe('denied'))
  later = DENIED_GRACE_MS + 1000
  await again.look()
  await isPlaceholder()
  expect(again.status()).toMatchObject({ identity: 'none', spiffe_id: null })
  later = 0
  fake.send({ svids: [svidOf(second, authority)] })
  await is(second)
  expect(again.status().denied_since).toBeNull()
})

test('an agent that is away takes nothing away until the certificate ends', async () => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  await fake.stop()
  await eventually(() => expect(it.status().workload_api).toBe('down'))
  later = leaf.certificate.validToDate.getTime() - Date.now() - 60_000
  await it.look()
  await is(leaf)
  expect(it.status().identity).toBe('expiring')
  later += 61_000
  await it.look()
  await isPlaceholder()
  expect(it.status().identity).toBe('none')
})

test('an identity on disk serves on after a restart without an agent', async () => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  await it.close()
  await fake.stop()
  const { status } = await start()
  await is(leaf)
  expect(status()).toMatchObject({ identity: 'ok', spiffe_id: ID })
})

test.each([
  ['a file is gone', () => rmSync(join(folder, 'current', 'svid_key.pem'))],
  ['a file is another', () => writeFileSync(join(folder, 'current', 'bundle.pem'), 'nonsense')],
  ['the link is gone', () => rmSync(join(folder, 'current'))],
])('the watchdog writes anew what was damaged: %s', async (_what, damage) => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  await it.settled()
  damage()
  later = DEEP_LOOK_MS + 1000
  await it.look()
  expect(await readIntact(folder)).toMatchObject({ spiffe_id: ID })
  expect(writes.at(-1)).toBe('repair')
})

test('a write that ended in the middle is swept away by the next one', async () => {
  mkdirSync(join(folder, '.draft-999999'))
  writeFileSync(join(folder, '.draft-999999', 'svid.pem'), 'half')
  await start()
  expect(readdirSync(folder)).not.toContain('.draft-999999')
  expect(await readIntact(folder)).toMatchObject({ spiffe_id: null })
})

test('status.json tells others how it stands', async () => {
  const it = await start()
  fake.send({ svids: [svidOf(leaf, authority)] })
  await is(leaf)
  await it.look()
  expect(JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8'))).toMatchObject({
    identity: 'ok',
    spiffe_id: ID,
    workload_api: 'connected',
  })
})

test('the same material is written once, and a text is replaced whole', async () => {
  const material = {
    spiffeId: ID,
    trustDomain: 'north.example',
    chain: [leaf.certificate],
    key: leaf.key,
    bundles: new Map([['north.example', [authority.certificate]]]),
  }
  expect(await writeIdentity(folder, material, new Date())).toBe(true)
  expect(await writeIdentity(folder, material, new Date())).toBe(false)
  await replaceFile(folder, 'note', 'a')
  await replaceFile(folder, 'note', 'b')
  expect(readFileSync(join(folder, 'note'), 'utf8')).toBe('b')
})
