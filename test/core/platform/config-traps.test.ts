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

const registry = {
  NINEFOLD_PROFILE: 'containers',
  HOST_SERVICES: 'registry',
  EVENT_STORE_ENABLED: 'false',
}
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

describe('the way to the EventStore', () => {
  const token = 'x'.repeat(24)
  const remote = { EVENT_STORE_URL: 'https://events.example.com' }
  const whole = {
    ...registry,
    EVENT_STORE_ENABLED: 'true',
    DATABASE_URL: url,
    REDIS_URL: 'redis://r',
    TEG_URL: 'http://t',
    TEG_SERVICE_TOKEN: token,
  }

  test('under containers needs an address or a local EventStore with a database of its own', () => {
    expect(faultsOf(whole)).toEqual([expect.stringMatching(/^EVENT_STORE_URL: .*containers/)])
    expect(faultsOf({ ...whole, HOST_SERVICES: 'registry,event-store' })).toEqual([
      expect.stringMatching(/^EVENT_STORE_DATABASE_URL: /),
    ])
    expect(
      faultsOf({ ...whole, HOST_SERVICES: 'registry,event-store', EVENT_STORE_DATABASE_URL: url }),
    ).toEqual([])
    expect(faultsOf({ ...whole, EVENT_STORE_ENABLED: 'false' })).toEqual([])
  })

  test('needs an identity source while mTLS is required, and https', () => {
    expect(faultsOf({ ...whole, ...remote })).toEqual([
      expect.stringMatching(/^EVENT_STORE_IDENTITY_DIR: .*no identity source is configured/),
    ])
    expect(faultsOf(remote)).toEqual([expect.stringMatching(/^EVENT_STORE_IDENTITY_DIR: /)])
    const identity = { EVENT_STORE_IDENTITY_DIR: '/run/identity' }
    expect(faultsOf({ ...whole, ...remote, ...identity })).toEqual([])
    expect(faultsOf({ ...whole, ...identity, EVENT_STORE_URL: 'http://events' })).toEqual([
      expect.stringMatching(/^EVENT_STORE_URL: .*https/),
    ])
    expect(faultsOf({ ...remote, EVENT_STORE_ENABLED: 'false' })).toEqual([])
  })

  test('without mTLS needs a token', () => {
    const plain = { EVENT_STORE_URL: 'http://events', EVENTSTORE_MTLS_REQUIRED: 'false' }
    expect(faultsOf(plain)).toEqual([expect.stringMatching(/^EVENT_STORE_SERVICE_TOKEN: /)])
    expect(faultsOf({ ...plain, EVENT_STORE_SERVICE_TOKEN: token })).toEqual([])
  })

  test('an EventStore of its own needs a token, and several workers a database on a server', () => {
    const own = { HOST_SERVICES: 'event-store' }
    expect(faultsOf(own)).toEqual([expect.stringMatching(/^EVENT_STORE_SERVICE_TOKEN: /)])
    expect(faultsOf({ ...own, EVENT_STORE_SERVICE_TOKEN: token, HOST_WORKERS: '2' })).toEqual([
      expect.stringMatching(/^HOST_WORKERS: /),
    ])
    expect(faultsOf({ ...own, EVENT_STORE_SERVICE_TOKEN: token, NINEFOLD_PROFILE: 'containers' })).toEqual([
      expect.stringMatching(/^EVENT_STORE_DATABASE_URL: /),
    ])
  })

  test('a malformed value is told once, as malformed', () => {
    expect(faultsOf({ EVENT_STORE_URL: 'ftp://x' })).toEqual([
      expect.stringMatching(/^EVENT_STORE_URL: /),
      expect.stringMatching(/^EVENT_STORE_IDENTITY_DIR: /),
    ])
    expect(faultsOf({ EVENT_STORE_TOKEN_SOURCES: 'registries' })).toHaveLength(1)
    expect(faultsOf({ EVENT_STORE_SIGNING_KEY: 'canary' }).join()).not.toContain('canary')
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
