/** Writes .env.operator (and .env.frame) once: every secret fresh, nothing overwritten, no secrets beside data that knows others. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdir, open, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { configKeys } from '#core/platform/config.ts'
import { type Command, readArgs, UsageError } from './command.ts'
import { FRAME_SECRETS, fillEnv, SECRETS } from './env-file.ts'
import { writePlaceholderAgent } from './write-placeholder-agent.ts'

const HERE = dirname(dirname(fileURLToPath(import.meta.url)))
/** What compose.yaml mounts. */
const PARTS = [
  'compose.yaml',
  'compose.standalone.yaml',
  'compose.frame.yaml',
  '.env.operator.example',
  '.env.frame.example',
  'images.lock.env',
  'postgres',
  'pgbouncer',
  'redis',
  'spire-agent',
  'spire-server',
  'nginx-federation',
]
const SECRET_BYTES = 32

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Volumes of an earlier stack of this name; null where no Docker can be asked. */
async function listVolumes(project: string): Promise<string[] | null> {
  try {
    const { stdout } = await promisify(execFile)(
      'docker',
      ['volume', 'ls', '-q', '--filter', `label=com.docker.compose.project=${project}`],
      { timeout: 10_000 },
    )
    return stdout.split('\n').filter((name) => /_(db|teg-db|es-db|hub-db)-data$/.test(name))
  } catch {
    return null
  }
}

const init: Command = async (args, { print, env }) => {
  const { values, flags } = readArgs(args, ['name', 'url', 'folder', 'project'], ['frame'])
  const folder = resolve(values.folder ?? '.')
  if (flags.has('frame')) return initFrame(folder, values.project ?? env.FRAME_PROJECT_NAME, print)
  const path = join(folder, '.env.operator')
  const name = values.name ?? 'ninefold'
  const url = values.url ?? 'http://127.0.0.1:8000'
  for (const [key, value] of [
    ['REGISTRY_NAME', name],
    ['PUBLIC_URL', url],
  ] as const) {
    const judged = configKeys[key].shape.safeParse(value)
    if (!judged.success) throw new UsageError(`${key}: ${judged.error.issues[0]?.message ?? 'is refused'}`)
  }
  if (await isThere(path)) {
    print(
      `${path} is there already: nothing was written. To begin anew, move it away yourself; its secrets open your data.`,
    )
    return 1
  }
  const volumes = await listVolumes(values.project ?? env.COMPOSE_PROJECT_NAME ?? 'ninefold')
  if (volumes && volumes.length > 0) {
    print(
      `The volumes ${volumes.join(', ')} hold data that was made with other secrets. Bring their .env.operator back, or choose another --project.`,
    )
    return 1
  }
  await mkdir(folder, { recursive: true })
  // In a checkout compose.yaml stands where it is; in a release everything that it mounts is laid beside it.
  const isCheckout = await isThere(join(HERE, '..', 'package-lock.json'))
  const parts = isCheckout ? HERE : folder
  if (!isCheckout)
    for (const part of PARTS)
      if (await isThere(join(HERE, part)))
        await cp(join(HERE, part), join(folder, part), { recursive: true, force: false })
  const template = await readFile(join(HERE, '.env.operator.example'), 'utf8')
  await writeOnce(
    path,
    fillEnv(template, { ...makeSecrets(Object.keys(SECRETS)), REGISTRY_NAME: name, PUBLIC_URL: url }),
  )
  print(
    `${path} is written, readable for you alone. Keep it with your backups: without it the data cannot be opened.`,
  )
  const placed = await writePlaceholderAgent(join(parts, 'spire-agent', 'identity'))
  if (placed)
    print(
      `${placed} holds a placeholder that no mainframe knows. Replace its three files by those of your onboarding.`,
    )
  const compose = isCheckout ? '-f containers/compose.yaml up -d --build --wait' : 'up -d --wait'
  print(`Next: docker compose --env-file .env.operator ${compose}`)
  return 0
}
export default init

/** The same for a mainframe. */
async function initFrame(folder: string, project = 'ninefold-frame', print: (text: string) => void) {
  const path = join(folder, '.env.frame')
  if (await isThere(path)) {
    print(`${path} is there already: nothing was written. Its secrets open your data.`)
    return 1
  }
  const volumes = await listVolumes(project)
  if (volumes && volumes.length > 0) {
    print(`The volumes ${volumes.join(', ')} hold data that was made with other secrets.`)
    return 1
  }
  const template = await readFile(join(HERE, '.env.frame.example'), 'utf8')
  await writeOnce(path, fillEnv(template, makeSecrets(FRAME_SECRETS)))
  print(`${path} is written, readable for you alone. Keep it with your backups.`)
  return 0
}

const makeSecrets = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, randomBytes(SECRET_BYTES).toString('base64url')]))

/** `wx`: two at the same time cannot both write. */
async function writeOnce(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
