/** nginx-federation as the container starts it, from the same templates and scripts, on ports and folders of a test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect } from 'node:tls'
import { vi } from 'vitest'
import { replaceFile, writeIdentity } from '../../containers/cert-writer/write-identity.ts'
import { type Authority, keyPemOf, type Pair, pemOf } from './authority.ts'

/** True when nginx is there. @throws when it is not, although REQUIRE_SERVICES=1 says that it must be */
export function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' })
    return true
  } catch {
    if (process.env.REQUIRE_SERVICES === '1')
      throw new Error('nginx is not installed, and REQUIRE_SERVICES=1')
    return false
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** Not the user of the tests: what only root may read, nginx must not read. */
const NOBODY = 65534

export interface Sidecar {
  readonly folder: string
  readonly identity: string
  readonly federation: string
  readonly port: number
  readonly innerPort: number
  /** @param more of its environment @throws when it ends before it answers */
  start(registryPort: number, more?: Readonly<Record<string, string>>): Promise<void>
  /** All that it has logged so far. */
  log(): string
  stop(): Promise<void>
}

export const SIDECAR_TOKEN = 'proxy-token-of-a-test_0123456789'

/** Makes its folders; `identity` must hold something before it starts. */
export async function makeSidecar(): Promise<Sidecar> {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-'))
  const [identity, federation, run] = ['identity', 'federation', 'run'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [identity, federation, run]) mkdirSync(path)
  chmodSync(folder, 0o755)
  chownSync(run, NOBODY, 0)
  const logPath = join(folder, 'log')
  const [port, innerPort, healthPort] = [await freePort(), await freePort(), await freePort()]
  let child: ChildProcess | null = null
  const log = () => (existsSync(logPath) ? readFileSync(logPath, 'utf8') : '')
  return {
    folder,
    identity,
    federation,
    port,
    innerPort,
    log,
    async start(registryPort, more = {}) {
      const out = openSync(logPath, 'a')
      chownSync(logPath, NOBODY, 0)
      child = spawn('/bin/sh', [resolve('containers/nginx-federation/start.sh')], {
        uid: NOBODY,
        gid: 0,
        // A group of its own, so that the look-out ends with it.
        detached: true,
        stdio: ['ignore', out, out],
        env: {
          PATH: process.env.PATH ?? '',
          FEDERATION_PROXY_TOKEN: SIDECAR_TOKEN,
          RUN_DIR: run,
          IDENTITY_DIR: identity,
          FEDERATION_CONFIG_DIR: federation,
          REGISTRY_UPSTREAM: `127.0.0.1:${registryPort}`,
          LISTEN_PORT: String(port),
          INNER_PORT: String(innerPort),
          HEALTH_PORT: String(healthPort),
          LOOK_SECONDS: '0.1',
          ...more,
        },
      })
      const started = child
      const ended = new Promise<never>((_done, reject) =>
        started.once('exit', () => reject(new Error(`nginx has ended: ${log()}`))),
      )
      ended.catch(() => undefined)
      const answers = vi.waitFor(
        async () => {
          const reply = await fetch(`http://127.0.0.1:${healthPort}/healthz`)
          if (reply.status !== 200) throw new Error(`healthz answers ${reply.status}`)
        },
        { timeout: 15_000, interval: 50 },
      )
      answers.catch(() => undefined)
      await Promise.race([ended, answers])
    },
    async stop() {
      if (child?.pid && child.exitCode === null) {
        const ended = new Promise((done) => child?.once('exit', done))
        process.kill(-child.pid, 'SIGTERM')
        await ended
      }
      // A process that was told to stop may still write its last draft.
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Record<string, unknown>
}

export interface AskOptions {
  /** The client's certificate. */
  readonly as?: Pair | null
  readonly chain?: readonly Pair[]
  readonly headers?: Record<string, string>
  /** The name that is asked for in the handshake. */
  readonly servername?: string
}

/** One request over a connection of its own; the server's certificate is whatever it is. */
export function ask(
  port: number,
  path: string,
  { as = null, chain = [], headers = {}, servername = '' }: AskOptions = {},
) {
  return new Promise<Answer>((done, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        headers,
        agent: false,
        servername,
        rejectUnauthorized: false,
        ...(as ? { cert: pemOf(as, ...chain), key: keyPemOf(as) } : {}),
      },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.on('end', () => {
          const isJson = text.startsWith('{')
          const body = isJson ? JSON.parse(text) : { text }
          done({ status: incoming.statusCode ?? 0, headers: incoming.headers, body })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** The fingerprint of the certificate that a server shows to who asks for a name. */
export const shown = (port: number, servername?: string): Promise<string> =>
  new Promise((done, reject) => {
    const name = servername === undefined ? {} : { servername }
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...name }, () => {
      done(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

/** Writes an identity and its report as cert-writer does: a leaf of the first authority, and the bundles of all. */
export async function keepFor(
  folder: string,
  leaf: Pair,
  authorities: readonly Pick<Authority, 'domain' | 'certificate'>[],
  registry = 'north',
): Promise<void> {
  const domain = authorities[0]?.domain ?? ''
  const spiffeId = `spiffe://${domain}/registry/${registry}`
  const bundles = new Map(authorities.map((one) => [one.domain, [one.certificate]]))
  const chain = [leaf.certificate]
  await writeIdentity(folder, { spiffeId, trustDomain: domain, chain, key: leaf.key, bundles }, new Date())
  const report = {
    identity: 'ok',
    workload_api: 'connected',
    spiffe_id: spiffeId,
    not_before: leaf.certificate.validFromDate,
    not_after: leaf.certificate.validToDate,
    since: new Date(),
    updated_at: new Date(),
  }
  await replaceFile(folder, 'status.json', JSON.stringify(report))
}
