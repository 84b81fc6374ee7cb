/** One operator's stack and its mainframe on a Docker engine: init, up, kill, down, and what is seen from outside. */
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Authority, keyPemOf, makeAuthority, type Pair, pemOf } from '#test/support/authority.ts'
import { type Api, makeApi } from '#test/support/request.ts'
import { freePort } from '#test/support/sidecar.ts'
import { makeIdentities, placeAgent } from './identities.ts'

const root = resolve(import.meta.dirname, '../../..')
const run = promisify(execFile)
const OUTPUT_MAX = 64 * 1024 * 1024

/** True when an engine answers. @throws when none does, although REQUIRE_SERVICES=1 says that it must */
export function hasDocker(): boolean {
  try {
    execFileSync('docker', ['version', '-f', '{{.Server.Version}}'], { stdio: 'ignore', timeout: 10_000 })
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore', timeout: 10_000 })
    return true
  } catch {
    if (process.env.REQUIRE_SERVICES === '1')
      throw new Error(
        'no Docker engine answers, and REQUIRE_SERVICES=1: test/compose/engine/up-docker starts one',
      )
    process.stderr.write('test:compose: no Docker engine answers; nothing was tested\n')
    return false
  }
}

const HUB = {
  name: 'hub',
  spiffe_id: 'spiffe://example.com/registry/hub',
  url: 'https://hub.example.com',
  role: 'hub',
}

export interface Stack {
  readonly url: string
  readonly port: number
  readonly federationPort: number
  readonly api: Api
  readonly operatorKey: string
  /** Of nobody whom the stack knows, on the real SPIRE. */
  readonly authority: Authority
  readonly folder: string
  /** docker compose of the operator; where SPIRE is absent, with the stand-in of the agent. */
  compose(...words: string[]): Promise<string>
  /** The same of the mainframe. */
  frame(...words: string[]): Promise<string>
  docker(...words: string[]): Promise<string>
  operate(words: string[], input?: string): Promise<{ code: number; output: string }>
  /** What Compose makes of compose.yaml alone. */
  rendered(): Promise<string>
  inspect(...services: string[]): Promise<string>
  container(service: string): Promise<string>
  /** Brings the mainframe up. */
  startFrame(): Promise<void>
  /** A certificate of the mainframe's trust domain. */
  issue(path: string): Promise<Pair>
  /** Lets the agent give the stack its identity, or the next one. */
  giveIdentity(): Promise<void>
  remove(): Promise<void>
}

/**
 * Makes it ready to start; nothing runs yet. @param mailPort of the mail server on this machine
 * @param mode standalone: without identity and mainframe, with an EventStore and a certificate of its own
 */
export async function makeStack(
  mailPort: number,
  mode: 'federated' | 'standalone' = 'federated',
): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'))
  chmodSync(folder, 0o755)
  const [port, federationPort] = [await freePort(), await freePort()]
  const project = `ninefold-${mode}-${process.pid}`
  const publicFolder = join(folder, 'public')
  mkdirSync(publicFolder)
  const authority = await makeAuthority('example.com')
  const identities = makeIdentities(folder, authority)
  await placeAgent(folder)
  const operate = async (words: string[], input = '') => {
    const child = run(process.execPath, [join(root, 'containers/operate/main.ts'), ...words], {
      maxBuffer: OUTPUT_MAX,
    })
    child.child.stdin?.end(input)
    return child.then(
      ({ stdout }) => ({ code: 0, output: stdout }),
      (error) => ({ code: Number(error.code), output: `${error.stdout}${error.stderr}` }),
    )
  }
  const url = `http://127.0.0.1:${port}`
  const made = await operate([
    'init',
    '--name',
    'north',
    '--url',
    url,
    '--folder',
    folder,
    '--project',
    project,
  ])
  if (made.code !== 0) throw new Error(made.output)
  const envFile = join(folder, '.env.operator')
  const settings: Record<string, string> = {
    COMPOSE_PROJECT_NAME: project,
    IMAGE_REGISTRY: 'ninefold.test',
    REGISTRY_BIND: '127.0.0.1',
    REGISTRY_PORT: String(port),
    FEDERATION_BIND: '127.0.0.1',
    FEDERATION_PORT: String(federationPort),
    SMTP_URL: `smtp://mail.example.com:${mailPort}`,
    MAIL_FROM: 'registry@example.com',
    RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    GENESIS_GRANT_AMOUNT: '1000',
    FEDERATION_PUBLIC_DIR: publicFolder,
    ...(mode === 'federated' ? { FEDERATION_PEERS: JSON.stringify([HUB]) } : {}),
    ...identities.operatorSettings,
  }
  const given = change(envFile, settings)
  const framed = await operate(['init', '--frame', '--folder', folder, '--project', `${project}-frame`])
  if (framed.code !== 0) throw new Error(framed.output)
  const frameFile = join(folder, '.env.frame')
  const frameSettings: Record<string, string> = {
    FRAME_PROJECT_NAME: `${project}-frame`,
    OPERATOR_NETWORK: `${project}_operator-net`,
    IMAGE_REGISTRY: 'ninefold.test',
    ...identities.frameSettings,
  }
  change(frameFile, frameSettings)

  const own = await authority.leaf('/public', { dns: ['registry.example.com'] })
  writeFileSync(join(publicFolder, 'tls.crt'), pemOf(own))
  writeFileSync(join(publicFolder, 'tls.key'), keyPemOf(own), { mode: 0o644 })

  const env = { ...process.env, REPOSITORY: root, BUILD_CONTEXT: root, ...identities.env }
  const docker = async (...words: string[]) =>
    (await run('docker', words, { env, maxBuffer: OUTPUT_MAX })).stdout.trim()
  const file = (name: string) => ['-f', join(root, name)]
  const plain = ['compose', '--env-file', envFile, ...file('containers/compose.yaml')]
  const parts = [
    ...(mode === 'federated' ? identities.overlay : ['containers/compose.standalone.yaml']).flatMap(file),
    ...file('test/compose/parts/registry.yaml'),
  ]
  const frameWords = [
    'compose',
    '--env-file',
    frameFile,
    ...file('containers/compose.frame.yaml'),
    ...identities.frameWords,
  ]
  const compose = (...words: string[]) => docker(...plain, ...parts, ...words)
  const frame = (...words: string[]) => docker(...frameWords, ...words)
  const container = async (service: string) => `${project}-${service}-1`
  const secret = (name: string) =>
    given.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
  return {
    url,
    port,
    federationPort,
    api: makeApi((request) => fetch(request), undefined, url),
    operatorKey: secret('OPERATOR_API_KEY'),
    authority,
    folder,
    compose,
    frame,
    docker,
    operate,
    rendered: () => docker(...plain, 'config', '--format', 'json'),
    inspect: async (...services) =>
      docker('inspect', ...(await Promise.all(services.map((service) => container(service))))),
    container,
    async startFrame() {
      await frame('build', '-q')
      await identities.prepare(frame)
      await frame('up', '-d', '--wait', '--wait-timeout', '120')
    },
    issue: (path) => identities.issue(path, frame),
    giveIdentity: () => identities.give(compose, frame),
    async remove() {
      await frame('down', '-v', '-t', '5').catch(() => undefined)
      await compose('down', '-v', '-t', '10')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Puts other values into a file of settings. @returns the lines that stay */
function change(path: string, settings: Readonly<Record<string, string>>): string[] {
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !((line.split('=')[0] as string) in settings))
  const added = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  writeFileSync(path, [...kept, ...added].join('\n'))
  return kept
}
