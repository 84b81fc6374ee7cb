/** Writes an identity for other containers: a folder per version, and one link that is turned when all of it is on disk. */
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { mkdir, open, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Material {
  /** Null: a placeholder that nobody accepts. */
  readonly spiffeId: string | null
  readonly trustDomain: string | null
  readonly chain: readonly X509Certificate[]
  readonly key: KeyObject
  readonly bundles: ReadonlyMap<string, readonly X509Certificate[]>
}

/** What stands beside the certificates. */
export interface Meta {
  readonly spiffe_id: string | null
  readonly trust_domain: string | null
  readonly federated: readonly string[]
  readonly serial: string
  readonly not_before: string
  readonly not_after: string
  readonly written_at: string
  /** Of all files, in their order. */
  readonly digest: string
}

const CURRENT = 'current'
const VERSION = /^v-\d{13}-[0-9a-f]{12}$/
/** Versions kept beside the current one, for whoever is reading them at this moment. */
const KEPT = 2
const MODES = { open: 0o644, secret: 0o640 } as const

const pem = (certificates: readonly X509Certificate[]) =>
  certificates.map((certificate) => `${certificate.toString().trim()}\n`).join('')

/** The files of a version, in a fixed order: name, text, mode. */
function filesOf(material: Material): [name: string, text: string, mode: number][] {
  const { chain, key, bundles, trustDomain } = material
  const own = trustDomain === null ? chain : (bundles.get(trustDomain) ?? [])
  const domains = [...bundles.keys()].sort()
  const all = trustDomain === null ? chain : domains.flatMap((domain) => bundles.get(domain) ?? [])
  return [
    ['svid.pem', pem(chain), MODES.open],
    ['svid_key.pem', String(key.export({ type: 'pkcs8', format: 'pem' })), MODES.secret],
    ['bundle.pem', pem(own), MODES.open],
    // Every authority whose certificates are looked at all; who may vouch for whom is decided by the registry.
    ['client_ca.pem', pem(all), MODES.open],
    ...domains.map((domain): [string, string, number] => [
      join('bundles', `${domain}.pem`),
      pem(bundles.get(domain) ?? []),
      MODES.open,
    ]),
  ]
}

const digestOf = (files: readonly (readonly [name: string, text: string, ...rest: number[]])[]) => {
  const hash = createHash('sha256')
  for (const [name, text] of files) hash.update(`${name}\0${text}\0`)
  return hash.digest('hex')
}

/**
 * Writes it, unless the current version is the same and whole.
 * @returns true when the link was turned
 */
export async function writeIdentity(folder: string, material: Material, now: Date): Promise<boolean> {
  const files = filesOf(material)
  const digest = digestOf(files)
  if ((await readIntact(folder))?.digest === digest) return false
  const leaf = material.chain[0] as X509Certificate
  const meta: Meta = {
    spiffe_id: material.spiffeId,
    trust_domain: material.trustDomain,
    federated: [...material.bundles.keys()].filter((domain) => domain !== material.trustDomain).sort(),
    serial: leaf.serialNumber,
    not_before: leaf.validFromDate.toISOString(),
    not_after: leaf.validToDate.toISOString(),
    written_at: now.toISOString(),
    digest,
  }
  const name = `v-${String(now.getTime()).padStart(13, '0')}-${digest.slice(0, 12)}`
  const draft = join(folder, `.draft-${process.pid}`)
  await rm(draft, { recursive: true, force: true })
  await mkdir(join(draft, 'bundles'), { recursive: true, mode: 0o755 })
  for (const [file, text, mode] of files) await writeDurably(join(draft, file), text, mode)
  await writeDurably(join(draft, 'meta.json'), `${JSON.stringify(meta)}\n`, MODES.open)
  await syncFolder(join(draft, 'bundles'))
  await syncFolder(draft)
  // A version of this name is left of a write that did not come to its end, or was damaged since.
  await rm(join(folder, name), { recursive: true, force: true })
  await rename(draft, join(folder, name))
  await turn(folder, name)
  await prune(folder, name)
  return true
}

/** Turns the link: whoever opens a path through it finds the old version or the new one, never both. */
async function turn(folder: string, name: string): Promise<void> {
  const link = join(folder, `.link-${process.pid}`)
  await rm(link, { force: true })
  await symlink(name, link)
  await rename(link, join(folder, CURRENT))
  await syncFolder(folder)
}

async function prune(folder: string, current: string): Promise<void> {
  const names = await readdir(folder)
  const old = names.filter((name) => VERSION.test(name) && name !== current).sort()
  const drafts = names.filter((name) => /^\.(draft|link)-\d+$/.test(name))
  for (const name of [...old.slice(0, Math.max(0, old.length - KEPT)), ...drafts])
    await rm(join(folder, name), { recursive: true, force: true })
}

/** What the link shows, when every file of it is there and unchanged; null otherwise. */
export async function readIntact(folder: string): Promise<Meta | null> {
  try {
    const version = join(folder, await readlink(join(folder, CURRENT)))
    const meta = JSON.parse(await readFile(join(version, 'meta.json'), 'utf8')) as Meta
    const names = ['svid.pem', 'svid_key.pem', 'bundle.pem', 'client_ca.pem']
    const bundles = (await readdir(join(version, 'bundles'))).sort().map((name) => join('bundles', name))
    const files: [string, string][] = []
    for (const name of [...names, ...bundles]) files.push([name, await readFile(join(version, name), 'utf8')])
    return digestOf(files) === meta.digest ? meta : null
  } catch {
    return null
  }
}

/** Writes a file that is there whole after a power loss, or not at all (its folder is renamed later). */
async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  // Made with no more rights than it will have, whatever the umask adds or takes.
  const file = await open(path, 'wx', mode)
  try {
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

/** Replaces a small file at once: readers find the old text or the new one. */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, `.${name}-${process.pid}`)
  await rm(draft, { force: true })
  await writeDurably(draft, text, MODES.open)
  await rename(draft, join(folder, name))
}
