/** What a FaaS host waits for: size and cold import of every Lambda bundle, against the same entry unbundled. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformSync } from 'esbuild'
import { folderOf, root, sizeOf, writeBundles } from '../../stacks/bundle.ts'
import { writeEntry } from '../../stacks/write-entry.ts'
import { type Bound, judgeReport, median, printReport, round, say } from './report.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
export const SIZE_MAX_KB = 2000

export const coldBounds = {
  largest_kb: { required: SIZE_MAX_KB, goal: 1500, better: 'less' },
  import_bundled_to_unbundled_worst: { required: 0.5, goal: 0.35, better: 'less' },
} as const satisfies Record<string, Bound>

const unbundled = join(root, 'dist', 'unbundled')

/** The sources as plain JavaScript, file by file: what a deployment without a bundler would ship. */
function transpileAll(): void {
  rmSync(unbundled, { recursive: true, force: true })
  for (const folder of ['core', 'functions', 'schedules'])
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts')) continue
      const text = readFileSync(join(root, folder, path), 'utf8')
      write(join(unbundled, folder, path.replace(/\.ts$/, '.js')), toScript(text))
    }
  const imports = Object.fromEntries(
    ['core', 'functions', 'schedules'].map((name) => [`#${name}/*`, `./${name}/*`]),
  )
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  write(join(unbundled, 'package.json'), JSON.stringify({ type: 'module', version, imports }))
}

const toScript = (text: string): string =>
  transformSync(text, { loader: 'ts', format: 'esm', target: 'esnext' }).code.replace(
    /(["'])((?:#|\.{1,2}\/)[^"']+)\.ts\1/g,
    '$1$2.js$1',
  )

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** A process that imports one module, then lets its handler come as far as its first connection, which nobody takes. */
const child = `
const started = performance.now()
const { handler } = await import(process.argv[1])
const imported = performance.now()
process.stdout.write = () => true
await handler(
  { version: '2.0', rawPath: '/', rawQueryString: '', headers: {}, isBase64Encoded: false,
    requestContext: { stage: '$default', domainName: 'x', http: { method: 'GET', sourceIp: '192.0.2.1' } } },
  { getRemainingTimeInMillis: () => 60000, awsRequestId: 'r' },
).catch(() => undefined)
process.stderr.write(JSON.stringify([imported - started, performance.now() - started]))
process.exit(0)`

const env = {
  PATH: process.env.PATH,
  LOG_LEVEL: 'error',
  DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
  TEG_DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
  EVENT_STORE_DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
  EVENT_STORE_SERVICE_TOKEN: 'x'.repeat(24),
  REDIS_URL: 'redis://127.0.0.1:9',
  TEG_URL: 'http://127.0.0.1:9',
  TEG_SERVICE_TOKEN: 'x'.repeat(24),
}

/** @returns milliseconds to the import, and to the first connection */
function measure(file: string): [number, number] {
  const args = ['--input-type=module', '-e', child, pathToFileURL(file).href]
  const { stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${file}: ${stderr}`)
  return JSON.parse(stderr) as [number, number]
}

async function main(): Promise<void> {
  const bundles = await writeBundles('lambda')
  transpileAll()
  say(
    'entry                          kB   import ms: bundled  unbundled  ratio   to the first connection: bundled  unbundled',
  )
  const kbs: number[] = []
  const ratios: number[] = []
  const starts: number[] = []
  for (const bundle of bundles) {
    const { entry } = bundle
    const bundled = join(root, folderOf('lambda', entry.name), 'index.mjs')
    const plain = join(unbundled, `${entry.name}.js`)
    write(plain, toScript(await writeEntry(entry, 'lambda')))
    const pairs = Array.from({ length: ROUNDS }, () => [measure(bundled), measure(plain)] as const)
    const [a, b, c, d] = [
      median(pairs.map(([one]) => one[0])),
      median(pairs.map(([, two]) => two[0])),
      median(pairs.map(([one]) => one[1])),
      median(pairs.map(([, two]) => two[1])),
    ]
    kbs.push(Math.round(sizeOf(bundle) / 1000))
    ratios.push(a / b)
    starts.push(c / d)
    const cells = [kbs.at(-1), a.toFixed(0), b.toFixed(0), (a / b).toFixed(2), c.toFixed(0), d.toFixed(0)]
    say(`${entry.name.padEnd(28)} ${cells.map((cell) => String(cell).padStart(8)).join(' ')}`)
  }
  const figures = { entries: bundles.length, largest_kb: Math.max(...kbs), median_kb: median(kbs) }
  printReport(
    judgeReport(
      'cold',
      figures,
      {
        import_bundled_to_unbundled_worst: round(Math.max(...ratios)),
        import_bundled_to_unbundled_median: round(median(ratios)),
        start_bundled_to_unbundled_median: round(median(starts)),
      },
      coldBounds,
    ),
  )
}

if (import.meta.main) await main()
