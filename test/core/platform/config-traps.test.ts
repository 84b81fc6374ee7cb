import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '#core/platform/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'ninefold-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

const registry = { NINEFOLD_PROFILE: 'containers', HOST_SERVICES: 'registry' }
const url = 'postgres://u:p@db/x'

describe('the containers profile', () => {
  test.each([
    [
      'DATABASE_URL',
      { ...registry, REDIS_URL: 'redis://r', TEG_URL: 'http://t', TEG_SERVICE_TOKEN: 'x'.repeat(24) },
    ],
    ['REDIS_URL', { ...registry, DATABASE_URL: url, TEG_URL: 'http://t', TEG_SERVICE_TOKEN: 'x'.repeat(24) }],
    ['TEG_URL', { ...registry, DATABASE_URL: url, REDIS_URL: 'redis://r' }],
    [
      'TEG_DATABASE_URL',
      { NINEFOLD_PROFILE: 'containers', HOST_SERVICES: 'teg', TEG_SERVICE_TOKEN: 'x'.repeat(24) },
    ],
    ['TEG_SERVICE_TOKEN', { NINEFOLD_PROFILE: 'containers', HOST_SERVICES: 'teg', TEG_DATABASE_URL: url }],
  ])('does not start without %s', (name, env) => {
    expect(faultsOf(env)).toEqual([expect.stringMatching(new RegExp(`^${name}: `))])
  })

  test('takes an empty value for an absent one', () => {
    expect(faultsOf({ ...registry, DATABASE_URL: '', REDIS_URL: '', TEG_URL: '' })).toHaveLength(3)
  })
})

describe('a value in a file', () => {
  test('is read without the line end', () => {
    expect(readConfig({ SECRET_KEY_FILE: file('good', `${'s'.repeat(24)}\n`) }).SECRET_KEY).toBe(
      's'.repeat(24),
    )
  })
  test('is a fault when the file is empty: a secret that was never written is not one that nobody wants', () => {
    expect(faultsOf({ SECRET_KEY_FILE: file('empty', '\n') })).toEqual(['SECRET_KEY_FILE: the file is empty'])
  })
  test('is a fault beside the value itself, and so is a file that is not there', () => {
    const both = { SECRET_KEY: 's'.repeat(24), SECRET_KEY_FILE: file('both', 's'.repeat(24)) }
    expect(faultsOf(both)).toEqual([expect.stringContaining('both SECRET_KEY and SECRET_KEY_FILE')])
    expect(faultsOf({ SECRET_KEY_FILE: join(folder, 'none') })).toEqual([expect.stringContaining('ENOENT')])
  })
})

describe('what would only fail later', () => {
  test('is told at once: proxies that are no networks', () => {
    expect(faultsOf({ TRUSTED_PROXIES: '10.0.0.0/8, ::1' })).toEqual([])
    expect(faultsOf({ TRUSTED_PROXIES: '10.0.0.0/8, nginx' })).toEqual([
      expect.stringContaining('TRUSTED_PROXIES'),
    ])
    expect(faultsOf({ TRUSTED_PROXIES: '10.0.0.0/99' })).toEqual([expect.stringContaining('TRUSTED_PROXIES')])
  })
  test('is told at once: several workers on an embedded database, whatever else is set', () => {
    expect(faultsOf({ HOST_WORKERS: '2' })).toEqual([expect.stringContaining('HOST_WORKERS')])
    const token = 'x'.repeat(24)
    expect(
      faultsOf({ HOST_WORKERS: '2', HOST_SERVICES: 'teg', TEG_URL: 'http://t', TEG_SERVICE_TOKEN: token }),
    ).toEqual([expect.stringContaining('HOST_WORKERS')])
  })
  test('never repeats a secret', () => {
    expect(faultsOf({ OPERATOR_API_KEY: 'too-short-secret' }).join()).not.toContain('too-short-secret')
  })
})
