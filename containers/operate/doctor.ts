/** Looks for what keeps the stack from working: before the start on the machine, with --live inside the registry's container. */
import { execFile } from 'node:child_process'
import { readFile, stat, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { configKeys } from '#core/platform/config.ts'
import { checkLive } from './check-live.ts'
import { type Command, readArgs } from './command.ts'
import { judgeSecrets, readEnv } from './env-file.ts'
import { bad, type Finding, good } from './findings.ts'
import { judgeAgent } from './judge-agent.ts'
import { judgePins, LOCK } from './lock-images.ts'

const GIB = 1024 ** 3
const MEMORY_MIN = 2 * GIB
const DISK_MIN = 5 * GIB
const ENGINE_MIN = 25
const COMPOSE_MIN = [2, 20] as const

const doctor: Command = async (args, { env, print }) => {
  const { values, flags } = readArgs(args, ['env', 'agent'], ['live', 'json'])
  const now = new Date()
  const findings = flags.has('live')
    ? await checkLive(env, now)
    : await checkBefore(resolve(values.env ?? '.env.operator'), values.agent, now)
  const ok = findings.every(({ state }) => state !== 'fail')
  if (flags.has('json')) print(JSON.stringify({ ok, findings }))
  else
    for (const { state, check, row, cause, hint } of findings) {
      print(
        `${state.toUpperCase().padEnd(4)} ${check}${row ? ` (row ${row})` : ''}: ${cause}${hint ? `\n     ${hint}` : ''}`,
      )
    }
  return ok ? 0 : 1
}
export default doctor

async function checkBefore(path: string, agentFolder: string | undefined, now: Date): Promise<Finding[]> {
  const text = await readFile(path, 'utf8').catch(() => null)
  const values = text === null ? {} : readEnv(text)
  const folders = [
    join(dirname(path), 'spire-agent', 'identity'),
    join(dirname(path), 'containers', 'spire-agent', 'identity'),
  ]
  const folder =
    agentFolder ?? values.SPIRE_IDENTITY_DIR ?? (await firstThere(folders)) ?? (folders[0] as string)
  return [
    ...(text === null
      ? [bad('fail', 'settings', 'missing', `${path} is not there: operate init writes it`)]
      : [...(await judgeFile(path)), ...judgeValues(values)]),
    judgePins({ ...(await readLock(dirname(path))), ...values }),
    ...(await judgeEngine()),
    ...(await judgeMachine(dirname(path))),
    ...(await judgeAgent(folder, now)),
  ]
}

async function firstThere(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) if (await stat(folder).catch(() => null)) return folder
  return undefined
}

/** The lock, beside the settings or in a checkout. */
async function readLock(folder: string): Promise<Record<string, string>> {
  const path = await firstThere([join(folder, LOCK), join(folder, 'containers', LOCK)])
  return path === undefined ? {} : readEnv(await readFile(path, 'utf8'))
}

async function judgeFile(path: string): Promise<Finding[]> {
  const { mode } = await stat(path)
  return (mode & 0o077) === 0
    ? [good('mode of the settings')]
    : [bad('warn', 'mode of the settings', 'too_open', `Others can read your secrets: chmod 600 ${path}`)]
}

/** The secrets, and every value that the registry would refuse at its start. */
export function judgeValues(values: Readonly<Record<string, string>>): Finding[] {
  const secrets = judgeSecrets(values)
  const faults = Object.entries(configKeys).flatMap(([name, spec]) => {
    const value = values[name]
    if (value === undefined) return []
    const judged = spec.shape.safeParse(value)
    return judged.success ? [] : [`${name}: ${judged.error.issues.map(({ message }) => message).join('; ')}`]
  })
  const missing = ['REGISTRY_NAME', 'PUBLIC_URL'].filter((name) => values[name] === undefined)
  faults.push(...missing.map((name) => `${name}: is missing`))
  return [
    secrets.length === 0
      ? good('secrets')
      : bad('fail', 'secrets', 'refused', `${secrets.join('; ')}. operate init makes good ones`),
    faults.length === 0 ? good('settings') : bad('fail', 'settings', 'refused', faults.join('; ')),
    values.SMTP_URL
      ? good('mail')
      : bad(
          'warn',
          'mail',
          'not_configured',
          'Without SMTP_URL nobody can register: set it, then operate mail-test ADDRESS',
        ),
    ...(values.FEDERATION_BASE_URL
      ? [good('federation address', 'ok', 6)]
      : [
          bad(
            'warn',
            'federation address',
            'missing',
            'Peers find you under FEDERATION_BASE_URL: set it to the address of port 8443',
            6,
          ),
        ]),
  ]
}

async function judgeEngine(): Promise<Finding[]> {
  const ask = (...words: string[]) =>
    promisify(execFile)('docker', words, { timeout: 10_000 }).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    )
  const engine = await ask('version', '-f', '{{.Server.Version}}')
  const compose = await ask('compose', 'version', '--short')
  return [judgeEngineVersion(engine), judgeComposeVersion(compose)]
}

export function judgeEngineVersion(version: string | null): Finding {
  const check = 'Docker Engine'
  if (!version)
    return bad(
      'warn',
      check,
      'away',
      'No engine answers here (inside a container none can): start it, or look from the host',
    )
  return Number.parseInt(version, 10) >= ENGINE_MIN
    ? good(check, version)
    : bad(
        'fail',
        check,
        'too_old',
        `${version}: version ${ENGINE_MIN} or later is needed (start_interval of health checks)`,
      )
}

export function judgeComposeVersion(version: string | null): Finding {
  const check = 'Docker Compose'
  if (!version) return bad('warn', check, 'away', 'docker compose (version 2) does not answer')
  const [major = 0, minor = 0] = version
    .replace(/^v/, '')
    .split('.')
    .map((part) => Number.parseInt(part, 10))
  return major > COMPOSE_MIN[0] || (major === COMPOSE_MIN[0] && minor >= COMPOSE_MIN[1])
    ? good(check, version)
    : bad('fail', check, 'too_old', `${version}: version ${COMPOSE_MIN.join('.')} or later is needed`)
}

async function judgeMachine(folder: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }))
  const free = bavail * bsize
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`
  return [
    totalmem() >= MEMORY_MIN
      ? good('memory', gib(totalmem()))
      : bad('warn', 'memory', 'little', `${gib(totalmem())}: the stack wants 2 GiB`),
    free >= DISK_MIN
      ? good('disk', gib(free))
      : bad('warn', 'disk', 'little', `${gib(free)} free: leave 5 GiB for data and images`),
  ]
}
