/** The SDK as it is published: built for browsers and Node alike, with types, without a dependency. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const sdk = fileURLToPath(new URL('../../sdk/', import.meta.url))
const compiler = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))
const dist = mkdtempSync(join(tmpdir(), 'ninefold-sdk-'))
afterAll(() => rmSync(dist, { recursive: true, force: true }))

test('builds under the settings of its own tsconfig and exports the client, the error and the codes', async () => {
  execFileSync(compiler, ['-p', join(sdk, 'tsconfig.json'), '--outDir', dist])
  const { exports: entries } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8'))
  const names = readdirSync(dist)
  for (const path of Object.values(entries['.']) as string[])
    expect(names).toContain(path.replace('./dist/', ''))
  const built = await import(pathToFileURL(join(dist, 'index.js')).href)
  expect(Object.keys(built).sort()).toEqual(['Ninefold', 'NinefoldError', 'errorStatus', 'x402Payload'])
  expect(built.errorStatus.insufficient_funds).toBe(422)
})

test('depends on nothing', () => {
  const manifest = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8'))
  expect(Object.keys(manifest).filter((name) => /dependencies/i.test(name))).toEqual([])
})
