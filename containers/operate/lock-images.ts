/** Pins the images of others by digest: writes images.lock.env from what the engine has pulled. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { type Command, readArgs, UsageError } from './command.ts'
import { readEnv } from './env-file.ts'
import { bad, type Finding, good } from './findings.ts'

/** The variables of the Compose files, with the image that each has by default. */
export const IMAGES: Readonly<Record<string, string>> = {
  POSTGRES_IMAGE: 'postgres:16-alpine',
  REDIS_IMAGE: 'redis:7-alpine',
  PGBOUNCER_IMAGE: 'edoburu/pgbouncer:latest',
  NGINX_IMAGE: 'nginx:1.25-alpine',
  SPIRE_AGENT_IMAGE: 'ghcr.io/spiffe/spire-agent:1.10.4',
  SPIRE_SERVER_IMAGE: 'ghcr.io/spiffe/spire-server:1.10.4',
}
/** Of the mainframe's side alone. */
const FRAME_ONLY = ['SPIRE_SERVER_IMAGE']
export const LOCK = 'images.lock.env'
const DIGEST = /@sha256:[0-9a-f]{64}$/

const Inspected = z.array(
  z.object({ RepoTags: z.array(z.string()).nullish(), RepoDigests: z.array(z.string()).nullish() }),
)

/** postgres of registry.example.com:5000/library/postgres:16-alpine. */
const nameOf = (image: string) => (image.split('/').at(-1) ?? '').replace(/[:@].*$/, '')
/** The same image without tag and digest. */
const placeOf = (image: string) => image.replace(DIGEST, '').replace(/:[^:/]+$/, '')

export interface Lock {
  /** Variable and image, with its tag for people and its digest for the engine. */
  readonly pinned: Readonly<Record<string, string>>
  /** Images that have no digest: they were built here, or loaded from a file. */
  readonly without: readonly string[]
}

/** @param text of `docker image inspect` @throws UsageError where it is something else */
export function makeLock(text: string): Lock {
  const parsed = Inspected.safeParse(parse(text))
  if (!parsed.success) throw new UsageError(USAGE)
  const pinned: Record<string, string> = {}
  const without: string[] = []
  const variables = new Map(Object.entries(IMAGES).map(([variable, image]) => [nameOf(image), variable]))
  for (const { RepoTags: tags, RepoDigests: digests } of parsed.data) {
    const known = [...(tags ?? []), ...(digests ?? [])]
    const variable = known.map((image) => variables.get(nameOf(image))).find(Boolean)
    if (!variable) continue
    const digest = (digests ?? []).find((image) => DIGEST.test(image))
    if (!digest) without.push(tags?.[0] ?? variable)
    else {
      // The tag that stands for the same place: the digest decides, the tag tells people what it was.
      const tag = (tags ?? []).find((image) => placeOf(image) === placeOf(digest))
      pinned[variable] = tag ? `${tag}${DIGEST.exec(digest)?.[0]}` : digest
    }
  }
  return { pinned, without }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const USAGE = `operate lock-images reads what the engine knows of its images:
  docker image inspect $(docker compose --env-file .env.operator config --images) | operate lock-images [--file ${LOCK}]`

const lockImages: Command = async (args, { print, read }) => {
  const { values } = readArgs(args, ['file'])
  const text = await read()
  if (text.trim() === '') throw new UsageError(USAGE)
  const { pinned, without } = makeLock(text)
  for (const image of without)
    print(`${image} has no digest: it was not pulled from a registry, and cannot be pinned`)
  if (Object.keys(pinned).length === 0) {
    print('No image of others with a digest was found: nothing was written.')
    return 1
  }
  const path = resolve(values.file ?? LOCK)
  const before = await readFile(path, 'utf8').catch(() => '')
  const kept = Object.entries(readEnv(before)).filter(([name]) => name in IMAGES && !(name in pinned))
  const lines = [...kept, ...Object.entries(pinned)].sort().map(([name, image]) => `${name}=${image}\n`)
  const head =
    '# The images of others, pinned by digest. Written by `operate lock-images`: keep it in version control.\n'
  // Beside it and then in its place: a Compose that reads meanwhile finds the old one or the new one.
  const draft = join(dirname(path), `.${LOCK}-${process.pid}`)
  await writeFile(draft, head + lines.join(''), { mode: 0o644 })
  await rename(draft, path)
  for (const [name, image] of Object.entries(pinned)) print(`${name}=${image}`)
  print(`${path} is written. From now on: docker compose --env-file ${path} --env-file .env.operator ...`)
  return without.length === 0 ? 0 : 1
}
export default lockImages

/** Which images are not pinned. @param values of the lock and the settings, as Compose reads them */
export function judgePins(values: Readonly<Record<string, string>>): Finding {
  const check = 'pinned images'
  const loose = Object.entries(IMAGES)
    .filter(([name]) => !FRAME_ONLY.includes(name) || values[name] !== undefined)
    .filter(([name, image]) => !DIGEST.test(values[name] ?? image))
    .map(([name, image]) => values[name] ?? image)
  return loose.length === 0
    ? good(check)
    : bad(
        'warn',
        check,
        'not_pinned',
        `A tag may mean another image tomorrow: ${loose.join(', ')}. Pull them, look at them, then operate lock-images`,
      )
}
