import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { eventStoreDoors, registryDoors, tegDoors } from '#functions/index.ts'
import { reactions } from '#functions/reactors/index.ts'
import { timetable } from '#schedules/index.ts'
import { type Bundle, bundleEntry, sizeOf } from '../../stacks/bundle.ts'
import { parts } from '../../stacks/choose-parts.ts'
import { listEntries } from '../../stacks/list-entries.ts'

const entries = listEntries()
const SIZE_MAX = 2_000_000

/** Packages of which something is in a bundle. */
const packagesOf = ({ metafile }: Pick<Bundle, 'metafile'>): Set<string> => {
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  )
  return new Set(
    used.flatMap(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1] ?? []),
  )
}

/** Inputs that are loaded with the entry: those of its file and of the parts that it imports at once. */
function loadedAtOnce({ metafile }: Pick<Bundle, 'metafile'>): string[] {
  const seen = new Set<string>()
  const visit = (path: string) => {
    const output = metafile.outputs[path]
    if (seen.has(path) || !output) return
    seen.add(path)
    for (const { path: next, kind } of output.imports) if (kind === 'import-statement') visit(next)
  }
  const first = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint)
  visit(first?.[0] ?? '')
  return [...seen].flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}))
}

describe('the entries', () => {
  test('are one for every line of the three tables, and one for the pages', () => {
    const count = (kind: string) => entries.filter((entry) => entry.kind === kind).length
    expect(count('door')).toBe(Object.keys({ ...registryDoors, ...tegDoors, ...eventStoreDoors }).length)
    expect(count('task')).toBe(Object.keys(timetable).length)
    expect(count('reactor')).toBe(Object.keys(reactions).length)
    expect(count('pages')).toBe(1)
    expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length)
  })

  test.each(entries.map(({ name, file }) => [name, file]))('%s has its file %s', (_name, file) => {
    expect(existsSync(file)).toBe(true)
  })
})

describe('the bundles for Lambda', () => {
  const bundles = new Map<string, Bundle>()
  beforeAll(async () => {
    for (const entry of entries) bundles.set(entry.name, await bundleEntry(entry, 'lambda'))
  })
  const bundleOf = (name: string) => bundles.get(name) as Bundle

  test.each(entries.map(({ name }) => name))('%s is one module of at most 2 MB with a handler', (name) => {
    const bundle = bundleOf(name)
    expect(sizeOf(bundle)).toBeLessThanOrEqual(SIZE_MAX)
    expect(bundle.files['index.mjs']).toMatch(/export \{[^}]*\bhandler\b|export const handler/)
  })

  test('hold neither an embedded database nor machine code nor what only the host needs', () => {
    const foreign = ['@electric-sql/pglite', '@node-rs/argon2', 'undici', 'pino', 'ws', 'prom-client']
    for (const [name, bundle] of bundles)
      expect(
        [...packagesOf(bundle)].filter((one) => foreign.includes(one)),
        name,
      ).toEqual([])
  })

  test('hold ioredis only where requests are counted or hints are sent, pg only where there is a database', () => {
    const holding = (pack: string) =>
      [...bundles].filter(([, bundle]) => packagesOf(bundle).has(pack)).map(([name]) => name)
    const without = (pack: string) => [...bundles.keys()].filter((name) => !holding(pack).includes(name))
    expect(without('pg')).toEqual(['registry-pages'])
    expect(without('ioredis').filter((name) => name.startsWith('registry-'))).toEqual(['registry-pages'])
    expect(holding('ioredis').filter((name) => !name.startsWith('registry-'))).toEqual([
      'task-websocket-metrics',
    ])
    expect(holding('nodemailer')).toEqual(['task-mail-outbox'])
  })

  test('load drivers when they connect, not when they are imported', () => {
    for (const [name, bundle] of bundles)
      expect(
        loadedAtOnce(bundle).filter((path) => /node_modules\/(?:pg|ioredis|nodemailer)\//.test(path)),
        name,
      ).toEqual([])
  })

  test('speak one language of zod', () => {
    const locales = Object.keys(bundleOf('registry-auth').metafile.inputs).filter((path) =>
      /zod\/v4\/locales\/\w/.test(path),
    )
    expect(locales).toEqual(['node_modules/zod/v4/locales/en.js'])
  })
})

describe('a bundle', () => {
  const transfers = entries.find(({ name }) => name === 'registry-transfers')
  if (!transfers) throw new Error('there is no door of transfers')

  test('for Workers on Neon holds neither pg nor ioredis', async () => {
    const bundle = await bundleEntry(transfers, 'worker', ['neon'])
    expect(packagesOf(bundle)).toContain('@neondatabase/serverless')
    for (const pack of ['pg', 'ioredis', 'pg-pool']) expect(packagesOf(bundle)).not.toContain(pack)
    expect(Object.keys(bundle.files)).toEqual(['index.js'])
    expect(sizeOf(bundle)).toBeLessThanOrEqual(SIZE_MAX)
  })

  test('says what it was made without when a configuration asks for it', async () => {
    const bundle = await bundleEntry(transfers, 'lambda', ['neon'])
    const texts = Object.values(bundle.files).join()
    for (const part of parts.filter((one) => one !== 'neon' && one !== 'mail'))
      expect(texts).toContain(`This bundle was made without ${part}`)
  })

  test('imports built-ins of Node by their full names on Workers: it knows no others', async () => {
    const bundle = await bundleEntry(transfers, 'worker', ['pg'])
    const outside = Object.values(bundle.metafile.outputs).flatMap(({ imports }) =>
      imports.filter(({ external }) => external).map(({ path }) => path),
    )
    expect(outside.filter((path) => !/^(node:|cloudflare:sockets$|pg-native$)/.test(path))).toEqual([])
  })
})
