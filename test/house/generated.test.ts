/** Holds that generated files are what their sources say, and that every setting is described. */
import { describe, expect, test } from 'vitest'
import { configKeys } from '#core/platform/config.ts'
import { compareGenerated, findStale, generateAll } from '../../scripts/generate.ts'
import { readSource } from './sources.ts'

describe('generated files', () => {
  test('are found stale when their text differs or they are missing', () => {
    const on = (path: string) => (path === 'a' ? 'old' : path === 'b' ? 'same' : null)
    const files = new Map([
      ['a', 'new'],
      ['b', 'same'],
      ['c', 'absent'],
    ])
    expect(compareGenerated(files, on)).toEqual(['a', 'c'])
  })

  test('are up to date (else: npm run generate)', async () => {
    expect(await findStale()).toEqual([])
  })

  test('include the configuration reference and the codes of the SDK', async () => {
    const files = await generateAll()
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'core/registry/migrations.generated.ts',
        'core/teg/migrations.generated.ts',
        'docs/configuration.md',
        'sdk/src/codes.generated.ts',
      ]),
    )
  })
})

describe('the configuration reference', () => {
  const { text } = readSource('docs/configuration.md')

  test.each(Object.entries(configKeys as Record<string, { default?: string }>))(
    'describes %s with its default',
    (name, key) => {
      const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? ''
      expect(row.split('|').length).toBeGreaterThan(5)
      if (key.default) expect(row).toContain(key.default.replaceAll('<', '&lt;'))
    },
  )

  test('names the _FILE form of every secret', () => {
    const secrets = Object.entries(configKeys as Record<string, { secret?: boolean }>).filter(
      ([, key]) => key.secret,
    )
    expect(secrets.length).toBeGreaterThan(0)
    for (const [name] of secrets) expect(text).toContain(`${name}_FILE`)
  })
})
