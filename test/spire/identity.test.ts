/** The real SPIRE 1.10.4 with the configuration of our containers: attestation by x509pop, rotation, denial, an outage, a ban. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { silentLog } from '#core/platform/log.ts'
import { openVerifier } from '#core/platform/spiffe/open-verifier.ts'
import { openWorkloadApi, type WorkloadApi } from '#core/platform/spiffe/workload-api.ts'
import { keyPemOf, makeAuthority, pemOf } from '#test/support/authority.ts'
import { freePort } from '#test/support/sidecar.ts'
import { DENIED_GRACE_MS, type Keeper, keepIdentity } from '../../containers/cert-writer/keep-identity.ts'

const bin = process.env.SPIRE_BIN_DIR
if (!bin)
  process.stderr.write('test:spire: SPIRE_BIN_DIR is not set, nor SPIRE_BUILD=1; nothing was tested\n')
const ID = 'spiffe://example.com/registry/north'
/** Seconds: changed at half of it. */
const TTL = 20

describe.skipIf(!bin)('cert-writer on SPIRE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spire-'))
  const at = (name: string) => join(folder, name)
  const children: ChildProcess[] = []
  const run = async (name: string, ...words: string[]) =>
    (await promisify(execFile)(join(bin ?? '', name), words)).stdout
  const server = (...words: string[]) => run('spire-server', ...words, '-socketPath', at('server.sock'))
  let env: Record<string, string>
  let parent: string
  let entry: string
  let api: WorkloadApi
  let keeper: Keeper
  let later = 0

  const start = (name: string, ...words: string[]) => {
    const log = openSync(at(`${name}.log`), 'a')
    const child = spawn(
      join(bin ?? '', name),
      ['run', '-config', at(`${name}.conf`), '-expandEnv', ...words],
      {
        env: { ...process.env, ...env },
        stdio: ['ignore', log, log],
      },
    )
    children.push(child)
    return child
  }
  /** A configuration of ours, on the folders of the test. */
  const configure = (name: string, path: string, changes: [string, string][]) => {
    let text = readFileSync(new URL(`../../containers/${path}`, import.meta.url), 'utf8')
    for (const [from, to] of changes) text = text.replaceAll(from, to)
    writeFileSync(at(`${name}.conf`), text)
  }
  const poll = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 60_000, interval: 200 })
  const register = async (...more: string[]) => {
    const out = await server(
      'entry',
      'create',
      '-parentID',
      parent,
      '-spiffeID',
      ID,
      '-selector',
      `unix:uid:${process.getuid?.()}`,
      '-dns',
      'north.example.com',
      '-x509SVIDTTL',
      String(TTL),
      ...more,
    )
    entry = /Entry ID\s*: (\S+)/.exec(out)?.[1] ?? ''
    expect(entry).not.toBe('')
  }
  let agent: ChildProcess
  const startAgent = () => {
    agent = start('spire-agent')
  }
  let mainframe: ChildProcess
  const startServer = async () => {
    mainframe = start('spire-server', '-socketPath', at('server.sock'))
    await vi.waitFor(() => server('healthcheck'), { timeout: 60_000, interval: 200 })
  }
  const kill = async (child: ChildProcess) => {
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await ended
  }

  beforeAll(async () => {
    for (const name of ['server', 'agent', 'pop', 'identity']) mkdirSync(at(name))
    const agents = await makeAuthority('agents.example')
    const leaf = await agents.leaf('/agent')
    parent = `spiffe://example.com/spire/agent/x509pop/${createHash('sha1').update(leaf.certificate.raw).digest('hex')}`
    writeFileSync(at('pop/agent.crt.pem'), pemOf(leaf))
    writeFileSync(at('pop/agent.key.pem'), keyPemOf(leaf))
    writeFileSync(at('agents-ca.pem'), pemOf(agents))
    env = {
      SPIRE_TRUST_DOMAIN: 'example.com',
      SPIRE_SERVER_ADDRESS: '127.0.0.1',
      SPIRE_SERVER_PORT: String(await freePort()),
    }
    configure('spire-server', 'spire-server/server.conf', [
      ['/var/lib/spire', at('server')],
      ['/etc/spire/agents-ca.pem', at('agents-ca.pem')],
    ])
    configure('spire-agent', 'spire-agent/agent.conf', [
      ['/var/lib/spire', at('agent')],
      ['/etc/spire/identity', at('pop')],
      ['/run/spire/sockets', folder],
    ])
    await startServer()
    writeFileSync(at('pop/bundle.pem'), await server('bundle', 'show'))
    await register()
    startAgent()
    api = openWorkloadApi(`unix://${at('agent.sock')}`)
    keeper = await keepIdentity({
      folder: at('identity'),
      api,
      now: () => new Date(Date.now() + later),
      wait: (milliseconds, signal) =>
        pause(Math.min(milliseconds, 200), undefined, { signal }).catch(() => undefined),
      random: systemRandom,
      log: silentLog,
    })
  })
  afterAll(async () => {
    await keeper?.close()
    api?.close()
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGTERM')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const agentLog = () => readFileSync(at('spire-agent.log'), 'utf8')
  const meta = () => JSON.parse(readFileSync(at('identity/current/meta.json'), 'utf8'))

  test('gets an identity after attestation by x509pop, and the registry believes it', async () => {
    await poll(() => keeper.status().spiffe_id).toBe(ID)
    expect(keeper.status()).toMatchObject({ workload_api: 'connected', refused: null })
    const { verifyForwarded } = openVerifier(at('identity'), () => new Date())
    const leaf = encodeURIComponent(readFileSync(at('identity/current/svid.pem'), 'utf8'))
    expect(verifyForwarded(leaf)).toMatchObject({ spiffeId: ID, registry: 'north' })
  })

  test('follows each rotation', async () => {
    for (let n = 0; n < 2; n++) {
      const { serial } = meta()
      await poll(() => meta().serial !== serial).toBe(true)
      expect(keeper.status()).toMatchObject({ identity: 'ok', refused: null })
    }
  })

  test('comes back to an agent that was killed and started again', async () => {
    await kill(agent)
    await poll(() => keeper.status().workload_api).toBe('down')
    expect(keeper.status().spiffe_id).toBe(ID)
    startAgent()
    await poll(() => keeper.status().workload_api).toBe('connected')
    expect(keeper.status().spiffe_id).toBe(ID)
  })

  test('is denied when its entry is taken away, loses the identity, and has it again with a new entry', async () => {
    await server('entry', 'delete', '-entryID', entry)
    await poll(() => keeper.status().workload_api).toBe('denied')
    later = DENIED_GRACE_MS + 1000
    await keeper.look()
    expect(keeper.status().identity).toBe('none')
    later = 0
    await register()
    await poll(() => keeper.status().spiffe_id).toBe(ID)
  })

  test('holds the authorities of a trust domain that its entry federates with, until they are taken away', async () => {
    const south = await makeAuthority('south.example')
    writeFileSync(at('south.pem'), pemOf(south))
    await server('bundle', 'set', '-id', 'spiffe://south.example', '-format', 'pem', '-path', at('south.pem'))
    await server('entry', 'delete', '-entryID', entry)
    await register('-federatesWith', 'spiffe://south.example')
    await poll(() => meta().federated).toEqual(['south.example'])
    const { verify } = openVerifier(at('identity'), () => new Date())
    const { certificate } = await south.leaf('/registry/south')
    expect(verify(certificate)).toMatchObject({ spiffeId: 'spiffe://south.example/registry/south' })
    // Not for IDs of another domain, though it is an authority that nginx looks at.
    const forged = await south.leaf('/registry/hub', { uris: ['spiffe://example.com/registry/hub'] })
    expect(verify(forged.certificate)).toBeNull()
    await server('bundle', 'delete', '-id', 'spiffe://south.example', '-mode', 'dissociate')
    await poll(() => meta().federated).toEqual([])
    expect(verify(certificate)).toBeNull()
  })

  test('outlives the mainframe until the end of its SVID, and a new agent waits for the mainframe to return', async () => {
    const { serial } = meta()
    await kill(mainframe)
    await poll(async () => {
      await keeper.look()
      return keeper.status().identity
    }).toBe('none')
    expect(meta()).toMatchObject({ spiffe_id: null })
    // Another machine in its place, whose first start finds nobody.
    await kill(agent)
    rmSync(at('agent'), { recursive: true })
    mkdirSync(at('agent'))
    const before = agentLog().length
    startAgent()
    await poll(() => agentLog().slice(before)).toContain('Failed to retrieve attestation result')
    expect(agent.exitCode).toBeNull()
    await startServer()
    await poll(() => keeper.status().spiffe_id).toBe(ID)
    expect(meta().serial).not.toBe(serial)
  })

  test('loses the identity when the mainframe bans its agent: with the end of the SVID at the latest', async () => {
    await server('agent', 'ban', '-spiffeID', parent)
    await poll(async () => {
      await keeper.look()
      return keeper.status().identity
    }).toBe('none')
    const before = agentLog().length
    if (agent.exitCode === null) await kill(agent)
    startAgent()
    await poll(() => agentLog().slice(before)).toMatch(/banned|PermissionDenied/)
    expect(keeper.status().spiffe_id).toBeNull()
  })
})
