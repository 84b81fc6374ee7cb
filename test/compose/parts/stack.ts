/** One operator's stack and its mainframe on a Docker engine: init, up, kill, down, and what is seen from outside. */
import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Authority, type Issued, keyPemOf, makeAuthority, pemOf } from '#test/support/authority.ts'
import { type Api, makeApi } from '#test/support/request.ts'
import { freePort, keepFor } from '#test/support/sidecar.ts'
import { svidOf } from '#test/support/workload-api.ts'

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

/** uid of the services in our images. */
const SERVICE_UID = 10001

export interface Stack {
  readonly url: string
  readonly port: number
  readonly federationPort: number
  readonly api: Api
  readonly operatorKey: string
  readonly authority: Authority
  readonly folder: string
  /** docker compose of the operator, with the stand-in of the agent. */
  compose(...words: string[]): Promise<string>
  /** The same of the mainframe. */
  frame(...words: string[]): Promise<string>
  docker(...words: string[]): Promise<string>
  operate(words: string[], input?: string): Promise<{ code: number; output: string }>
  /** What Compose makes of compose.yaml alone. */
  rendered(): Promise<string>
  inspect(...services: string[]): Promise<string>
  container(service: string): Promise<string>
  /** What the agent says from now on; null: that it has no identity for us. */
  giveIdentity(leaf: Issued | null): void
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
  const material = join(folder, 'material')
  const storeIdentity = join(folder, 'store-identity')
  const publicFolder = join(folder, 'public')
  for (const path of [material, storeIdentity, publicFolder]) mkdirSync(path)
  const authority = await makeAuthority('example.com')
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
  }
  const given = readFileSync(envFile, 'utf8')
    .split('\n')
    .filter((line) => !((line.split('=')[0] as string) in settings))
  writeFileSync(
    envFile,
    [...given, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)].join('\n'),
  )
  const frameFile = join(folder, '.env.frame')
  writeFileSync(
    frameFile,
    [
      `FRAME_PROJECT_NAME=${project}-frame`,
      `OPERATOR_NETWORK=${project}_operator-net`,
      'IMAGE_REGISTRY=ninefold.test',
      `EVENT_STORE_IDENTITY_DIR=${storeIdentity}`,
      ...['ES_PASS', 'ES_OWNER_PASS', 'ES_AUDITOR_PASS', 'ES_SECRET_KEY'].map(
        (name) => `${name}=${crypto.randomUUID()}`,
      ),
    ].join('\n'),
  )
  // The EventStore's own identity, as a cert-writer of the mainframe would keep it.
  const storeLeaf = await authority.leaf('/event-store', { dns: ['events.example.com'] })
  await keepFor(storeIdentity, storeLeaf, [authority], 'store')
  execFileSync('chown', ['-R', `${SERVICE_UID}:${SERVICE_UID}`, storeIdentity])
  chownSync(storeIdentity, SERVICE_UID, SERVICE_UID)

  const own = await authority.leaf('/public', { dns: ['registry.example.com'] })
  writeFileSync(join(publicFolder, 'tls.crt'), pemOf(own))
  writeFileSync(join(publicFolder, 'tls.key'), keyPemOf(own), { mode: 0o644 })

  const env = { ...process.env, REPOSITORY: root, AGENT_MATERIAL_DIR: material, BUILD_CONTEXT: root }
  const docker = async (...words: string[]) =>
    (await run('docker', words, { env, maxBuffer: OUTPUT_MAX })).stdout.trim()
  const file = (name: string) => ['-f', join(root, name)]
  const plain = ['compose', '--env-file', envFile, ...file('containers/compose.yaml')]
  const parts = [
    ...file(mode === 'federated' ? 'test/compose/parts/agent.yaml' : 'containers/compose.standalone.yaml'),
    ...file('test/compose/parts/registry.yaml'),
  ]
  const frameWords = ['compose', '--env-file', frameFile, ...file('containers/compose.frame.yaml')]
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
    compose: (...words) => docker(...plain, ...parts, ...words),
    frame: (...words) => docker(...frameWords, ...words),
    docker,
    operate,
    rendered: () => docker(...plain, 'config', '--format', 'json'),
    inspect: async (...services) =>
      docker('inspect', ...(await Promise.all(services.map((service) => container(service))))),
    container,
    giveIdentity(leaf) {
      const told = leaf
        ? { svids: [base64Of(svidOf(leaf, authority))] }
        : { refuse: { code: 7, details: 'no identity issued' } }
      const draft = join(folder, 'draft')
      writeFileSync(draft, JSON.stringify(told))
      renameSync(draft, join(material, 'message.json'))
    },
    async remove() {
      await docker(...frameWords, 'down', '-v', '-t', '5').catch(() => undefined)
      await docker(...plain, ...parts, 'down', '-v', '-t', '10')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const base64Of = (svid: ReturnType<typeof svidOf>) => ({
  spiffe_id: svid.spiffe_id,
  x509_svid: svid.x509_svid.toString('base64'),
  x509_svid_key: svid.x509_svid_key.toString('base64'),
  bundle: svid.bundle.toString('base64'),
})
