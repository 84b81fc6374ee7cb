/** Bundles functions, tasks and reactors for FaaS hosts: `node stacks/bundle.ts [lambda|worker] [name ...]` into dist/. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { chooseParts, drivers, leaveOut, type Part } from './choose-parts.ts'
import { type Entry, listEntries } from './list-entries.ts'
import { makeManifest } from './make-manifest.ts'
import { MANIFEST } from './manifest.ts'
import { type Target, writeEntry } from './write-entry.ts'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Nothing is written there: names of files are made of it. */
const OUT = 'dist'

export interface Bundle {
  readonly entry: Entry
  readonly target: Target
  readonly parts: readonly Part[]
  /** The module, and beside it the pieces that it loads when it needs them (drivers); Workers: one file. */
  readonly files: Readonly<Record<string, string>>
  readonly metafile: Metafile
}

/** What a deployment has, where nothing else is said. */
export const defaultParts: Readonly<Record<Target, readonly Part[]>> = {
  lambda: ['pg', 'redis', 'outbound', 'mail'],
  'lambda-stream': ['pg', 'redis', 'outbound', 'mail'],
  worker: ['pg', 'neon', 'outbound'],
}

/** What a bundle holds for a deployment with this DATABASE_DRIVER; absent: what stands above. @throws for an unknown one */
export function partsWith(target: Target, driver: string | undefined): readonly Part[] {
  if (!driver) return defaultParts[target]
  const found = drivers.find((one) => one === driver)
  if (!found) throw new Error(`DATABASE_DRIVER must be ${drivers.join(', ')}; it is ${driver}`)
  return [found, ...defaultParts[target].filter((part) => !drivers.includes(part))]
}

/** Bundles one entry in memory. */
export async function bundleEntry(
  entry: Entry,
  target: Target,
  wanted: readonly Part[] = defaultParts[target],
): Promise<Bundle> {
  const chosen = await chooseParts(root, entry, wanted)
  const made = await bundleText(await writeEntry(entry, target), target, chosen)
  return { entry, target, parts: chosen, ...made }
}

/** Bundles the text of an entry that stands in the root. */
export async function bundleText(
  contents: string,
  target: Target,
  chosen: readonly Part[],
): Promise<Pick<Bundle, 'files' | 'metafile'>> {
  const result = await build({
    ...(target === 'worker' ? workerOptions : lambdaOptions),
    absWorkingDir: root,
    stdin: { contents, resolveDir: root, sourcefile: 'entry.ts', loader: 'ts' },
    outdir: OUT,
    entryNames: 'index',
    chunkNames: 'part-[hash]',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2024',
    logLevel: 'error',
    plugins: [leaveOut(chosen), portable, ...(target === 'worker' ? [nodePrefix, workerParts] : [])],
  })
  const files = (result.outputFiles ?? []).map(({ path, text }) => [basename(path), text] as const)
  return { files: Object.fromEntries(files), metafile: result.metafile as Metafile }
}

/** Bytes of all files of a bundle. */
export const sizeOf = ({ files }: Pick<Bundle, 'files'>): number =>
  Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0)

/** CommonJS packages ask for built-ins by `require`, which a module has not by itself. */
const requireBanner = (from: string): string =>
  `import { createRequire as ninefoldRequire } from 'node:module'; const require = ninefoldRequire(${from});`

const lambdaOptions: BuildOptions = {
  platform: 'node',
  external: ['pg-native', '@aws-sdk/*'],
  splitting: true,
  outExtension: { '.js': '.mjs' },
  banner: { js: requireBanner('import.meta.url') },
}

const workerOptions: BuildOptions = {
  platform: 'neutral',
  conditions: ['workerd', 'worker'],
  mainFields: ['module', 'main'],
  external: ['node:*', 'cloudflare:*', 'pg-native'],
  banner: { js: requireBanner("'file:///worker.js'") },
}

/** Packages with machine code have a stand-in of ours that runs everywhere; of zod's fifty languages one is spoken. */
const portable: Plugin = {
  name: 'portable',
  setup(make) {
    make.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer, resolveDir }) =>
      /[\\/]zod[\\/]v4[\\/]/.test(importer) ? { path: join(resolveDir, '../locales/en.js') } : null,
    )
    make.onResolve({ filter: /^@node-rs\/argon2$/ }, () => ({
      path: join(root, 'core/platform/argon2-portable.ts'),
    }))
  },
}

/** What a Worker's host does in a way of its own. */
const workerParts: Plugin = {
  name: 'worker-parts',
  setup(make) {
    make.onResolve({ filter: /core\/platform\/outbound-https\.ts$/ }, () => ({
      path: join(root, 'core/platform/outbound-fetch.ts'),
    }))
  },
}

/** Built-ins by their full names: the only ones that Workers know. */
const nodePrefix: Plugin = {
  name: 'node-prefix',
  setup(make) {
    const bare = new RegExp(`^(?:${builtinModules.filter((name) => !name.startsWith('_')).join('|')})$`)
    make.onResolve({ filter: bare }, ({ path }) => ({ path: `node:${path}`, external: true }))
  },
}

/** Where a bundle stands. */
export const folderOf = (target: Target, name: string): string => join('dist', target, name)

/** Writes bundles into dist/<target>/<name>/index.mjs (Workers: index.js). */
export async function writeBundles(
  target: Target,
  names: readonly string[] = [],
  wanted: readonly Part[] = defaultParts[target],
): Promise<Bundle[]> {
  const chosen = listEntries().filter(({ name }) => names.length === 0 || names.includes(name))
  const unknown = names.filter((name) => !chosen.some((entry) => entry.name === name))
  if (unknown.length > 0) throw new Error(`There is no entry ${unknown.join(', ')}`)
  if (names.length === 0) await rm(join(root, 'dist', target), { recursive: true, force: true })
  const bundles: Bundle[] = []
  for (const entry of chosen) {
    const bundle = await bundleEntry(entry, target, wanted)
    const folder = join(root, folderOf(target, entry.name))
    await mkdir(folder, { recursive: true })
    for (const [file, text] of Object.entries(bundle.files)) await writeFile(join(folder, file), text)
    bundles.push(bundle)
  }
  if (names.length === 0 && target === 'lambda') {
    const manifest = await makeManifest(bundles, (name) => folderOf(target, name))
    await writeFile(join(root, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
  }
  return bundles
}

if (import.meta.main) {
  const [target = 'lambda', ...names] = process.argv.slice(2)
  if (target !== 'lambda' && target !== 'lambda-stream' && target !== 'worker')
    throw new Error('usage: node stacks/bundle.ts [lambda|lambda-stream|worker] [name ...]')
  for (const { entry, files, parts } of await writeBundles(
    target,
    names,
    partsWith(target, process.env.DATABASE_DRIVER),
  ))
    process.stdout.write(
      `${folderOf(target, entry.name)}  ${Math.round(sizeOf({ files }) / 1000)} kB  ${parts.join(' ')}\n`,
    )
}
