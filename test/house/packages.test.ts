/** Holds that what is installed is exactly what was chosen, and that no registry's address is written down. */
import { describe, expect, test } from 'vitest'
import { listFiles, readSource } from './sources.ts'

type Manifest = Record<string, Record<string, string> | string | undefined>

const groups = ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'] as const

/** Dependencies whose version is a range, a tag or an address. */
function loose(manifest: Manifest): string[] {
  return groups.flatMap((group) =>
    Object.entries((manifest[group] as Record<string, string> | undefined) ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version))
      .map(([name, version]) => `${name}@${version}`),
  )
}

/** Lines of a lockfile or .npmrc that name a registry. */
const addresses = (text: string): string[] =>
  text.match(/"resolved": *"https?:[^"]*"|^ *registry *=.*$/gm) ?? []

describe('the judges of packages', () => {
  test('refuse ranges, tags and addresses', () => {
    const dependencies = {
      a: '1.2.3',
      b: '^1.2.3',
      c: 'latest',
      d: 'https://example.com/d.tgz',
      e: '2.0.0-rc.1',
    }
    expect(loose({ dependencies })).toEqual(['b@^1.2.3', 'c@latest', 'd@https://example.com/d.tgz'])
  })

  test('see a registry in a lockfile and in .npmrc', () => {
    expect(addresses('{ "resolved": "https://registry.example.com/a.tgz" }')).toHaveLength(1)
    expect(addresses('registry=https://registry.example.com')).toHaveLength(1)
    expect(addresses('{ "integrity": "sha512-x" }')).toEqual([])
  })
})

describe('the packages', () => {
  const manifests = listFiles('').filter((path) => /(?:^|\/)package\.json$/.test(path))

  test.each(manifests)('%s names exact versions and a licence', (path) => {
    const manifest = JSON.parse(readSource(path).text) as Manifest
    expect(loose(manifest)).toEqual([])
    expect(manifest.license).toBe(path.startsWith('sdk/') ? 'Apache-2.0' : 'AGPL-3.0-only')
  })

  test('have lockfiles without the address of a registry', () => {
    const files = listFiles('').filter((path) => /(?:^|\/)(?:package-lock\.json|\.npmrc)$/.test(path))
    expect(files).toContain('package-lock.json')
    for (const path of files) expect(addresses(readSource(path).text), path).toEqual([])
  })

  test('have scripts whose files are there', () => {
    const { scripts } = JSON.parse(readSource('package.json').text) as { scripts: Record<string, string> }
    const named = Object.values(scripts).flatMap((script) => script.match(/[\w./-]+\.(?:ts|sh)\b/g) ?? [])
    const missing = named.filter((path) => !listFiles('').includes(path))
    expect(missing).toEqual([])
  })
})

describe('the licences', () => {
  test('are AGPL-3.0 for the server and Apache-2.0 for the SDK', () => {
    expect(readSource('LICENSE').text).toMatch(/GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3/)
    expect(readSource('sdk/LICENSE').text).toMatch(/Apache License\s+Version 2\.0/)
  })
})
