/** Writes the generated files (baked migrations, configuration reference, the SDK's codes); with --check it only tells which are stale and exits 1. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { bakeMigrations } from './bake-migrations.ts'
import { collectCodes, describeCodes } from './collect-codes.ts'
import { describeConfig } from './describe-config.ts'

const root = new URL('../', import.meta.url)
const at = (path: string) => new URL(path, root)

/** Path -> text of every generated file. */
export async function generateAll(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const service of ['registry', 'teg', 'event-store']) {
    files.set(`core/${service}/migrations.generated.ts`, bakeMigrations(readScripts(at(`core/${service}/`))))
  }
  files.set('docs/configuration.md', describeConfig())
  files.set('sdk/src/codes.generated.ts', describeCodes(await collectCodes()))
  return files
}

/** A service's scripts: migrations/NNNN-name.sql run once; <domain>/name.sql are repeatable, named with their folder. */
function readScripts(service: URL): { name: string; sql: string }[] {
  const folders = readdirSync(service, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.flatMap(({ name: folder }) =>
    readdirSync(new URL(`${folder}/`, service))
      .filter((file) => file.endsWith('.sql'))
      .map((file) => ({
        name: folder === 'migrations' ? file : `${folder}/${file}`,
        sql: readFileSync(new URL(`${folder}/${file}`, service), 'utf8'),
      })),
  )
}

/** Generated files whose text on disk is not what the sources say. */
export async function findStale(): Promise<string[]> {
  return compareGenerated(await generateAll(), (path) =>
    existsSync(at(path)) ? readFileSync(at(path), 'utf8') : null,
  )
}

/** Paths whose text, as `read` gives it (null: not there), is not what it should be. */
export function compareGenerated(
  files: ReadonlyMap<string, string>,
  read: (path: string) => string | null,
): string[] {
  return [...files].filter(([path, text]) => read(path) !== text).map(([path]) => path)
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = await findStale()
    if (stale.length > 0) process.stderr.write(`Stale, run npm run generate: ${stale.join(', ')}\n`)
    process.exitCode = stale.length > 0 ? 1 : 0
  } else
    for (const [path, text] of await generateAll()) {
      mkdirSync(new URL('.', at(path)), { recursive: true })
      writeFileSync(at(path), text)
    }
}
