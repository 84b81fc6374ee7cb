/** The project's files as the house tests see them: path from the root, with forward slashes, and text. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Source {
  readonly path: string
  readonly text: string
}

export const root = fileURLToPath(new URL('../../', import.meta.url))
const skipped = new Set(['node_modules', '.git', '.data', 'coverage', 'dist', '.sst'])

/** Paths of all files under a folder of the project, sorted; nothing for a folder that is not there. */
export function listFiles(folder: string): string[] {
  let entries: ReturnType<typeof readEntries>
  try {
    entries = readEntries(folder)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return []
    throw error
  }
  return entries
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (skipped.has(entry.name)) return []
      return entry.isDirectory() ? listFiles(path) : [path]
    })
    .sort()
}

const readEntries = (folder: string) => readdirSync(root + folder, { withFileTypes: true })

/** The sources under some folders, chosen by the end of their names. */
export function readSources(folders: readonly string[], ending = '.ts'): Source[] {
  return folders
    .flatMap(listFiles)
    .filter((path) => path.endsWith(ending))
    .map(readSource)
}

export const readSource = (path: string): Source => ({ path, text: readFileSync(root + path, 'utf8') })

export const isGenerated = (path: string): boolean => /\.generated\.[a-z]+$/.test(path)

/** Folders of hand-written code that the rules hold for. */
export const codeFolders = [
  'core',
  'functions',
  'schedules',
  'containers',
  'sdk/src',
  'scripts',
  'stacks',
] as const
