/** Decides which drivers and clients a bundle holds: what its code never calls, or the deployment doesn't use, stays out. */
import { readFileSync } from 'node:fs'
import { build, type Plugin } from 'esbuild'
import type { Entry } from './list-entries.ts'

/** What a bundle may hold beside code that it surely runs. */
export const parts = ['pg', 'neon', 'neon-http', 'redis', 'outbound', 'mail'] as const
export type Part = (typeof parts)[number]

/** The module that brings each, by the end of its path. */
const modules: Readonly<Record<Part, RegExp>> = {
  pg: /core\/platform\/database\/pg\.ts$/,
  neon: /core\/platform\/database\/neon\.ts$/,
  'neon-http': /core\/platform\/database\/neon-http\.ts$/,
  redis: /core\/platform\/coordination\/redis\.ts$/,
  outbound: /core\/platform\/outbound-https\.ts$/,
  mail: /^nodemailer$/,
}

/** Words in an entry's own code that tell of a need. */
const marks: Readonly<Record<'redis' | 'outbound' | 'mail', RegExp>> = {
  redis: /\bcoordination\s*\.\s*\w+\(/,
  outbound: /\boutbound\s*\.\s*(?:send|checkName)\(/,
  mail: /\bmailer\s*\.\s*send\(/,
}

export const drivers: readonly Part[] = ['pg', 'neon', 'neon-http']

/** @param root the folder of package.json; @param wanted what the deployment has */
export async function chooseParts(root: string, entry: Entry, wanted: readonly Part[]): Promise<Part[]> {
  if (entry.kind === 'pages') return []
  const texts = await ownTexts(root, entry.file)
  const calls = (mark: RegExp) => texts.some((text) => mark.test(text))
  // Every request to the registry is counted.
  const needsRedis = entry.service === 'registry' && (entry.kind === 'door' || calls(marks.redis))
  return wanted.filter((part) => {
    if (part === 'redis') return needsRedis
    if (part === 'outbound' || part === 'mail') return calls(marks[part])
    return drivers.includes(part)
  })
}

/** The files of ours that a file imports, itself included. */
async function ownTexts(root: string, file: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
    plugins: [ownImports(root)],
  })
  return Object.keys(metafile.inputs).map((path) => readFileSync(`${root}/${path}`, 'utf8'))
}

/** `#core/...` is ours, though `packages: external` would take it for a package. */
const ownImports = (root: string): Plugin => ({
  name: 'own-imports',
  setup(make) {
    make.onResolve({ filter: /^#/ }, ({ path }) => ({ path: `${root}/${path.slice(1)}` }))
  },
})

/** Puts a refusal in the place of each part that was not chosen: nothing of it gets into the bundle. */
export const leaveOut = (chosen: readonly Part[]): Plugin => ({
  name: 'leave-out',
  setup(make) {
    make.onResolve({ filter: /./ }, ({ path, kind }) => {
      const part = parts.find((one) => modules[one].test(path))
      if (part === undefined || chosen.includes(part) || kind !== 'dynamic-import') return null
      return { path: part, namespace: 'left-out' }
    })
    make.onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`This bundle was made without ${path}: bundle it with that part, or configure another`)})`,
    }))
  },
})
