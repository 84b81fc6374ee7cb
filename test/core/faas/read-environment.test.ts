import { describe, expect, test } from 'vitest'
import { readEnvironment } from '#core/faas/read-environment.ts'
import { readFaasConfig } from '#core/faas/read-faas-config.ts'

const url = 'postgres://u:p@db.example:6432/registry'
const token = 'x'.repeat(32)
const platform = (source: Record<string, unknown>) => ({
  source,
  write: () => undefined,
  background: () => undefined,
  connections: 1,
})

describe('the environment of a function', () => {
  test('is its variables as they are', () => {
    expect(readEnvironment({ DATABASE_URL: url, LOG_LEVEL: 'warn', ABSENT: undefined })).toEqual({
      DATABASE_URL: url,
      LOG_LEVEL: 'warn',
    })
  })

  test('takes SST secrets by the names of the settings, and nothing that is no setting', () => {
    const secret = (value: string) => JSON.stringify({ type: 'sst.sst.Secret', value })
    expect(
      readEnvironment({
        SST_RESOURCE_DatabaseUrl: secret(url),
        SST_RESOURCE_TegServiceToken: secret(token),
        SST_RESOURCE_App: JSON.stringify({ name: 'ninefold', stage: 'dev' }),
        SST_RESOURCE_Path: secret('/bin'),
        SST_RESOURCE_SecretKey: 'no json',
        SST_RESOURCE_RedisUrl: secret(''),
      }),
    ).toEqual({ DATABASE_URL: url, TEG_SERVICE_TOKEN: token })
  })

  test('makes addresses of linked databases and Redis, with every character of a password', () => {
    const link = {
      host: 'h.example',
      port: 5432,
      username: 'ninefold',
      password: 'p@ss/wörd:?#',
      database: 'r',
    }
    const read = readEnvironment({
      SST_RESOURCE_DatabaseUrl: JSON.stringify(link),
      SST_RESOURCE_RedisUrl: JSON.stringify({
        host: 'r.example',
        port: 6379,
        username: 'default',
        password: '%',
      }),
    })
    const at = new URL(read.DATABASE_URL ?? '')
    expect([at.hostname, at.port, at.pathname, decodeURIComponent(at.password)]).toEqual([
      'h.example',
      '5432',
      '/r',
      'p@ss/wörd:?#',
    ])
    expect(at.searchParams.get('sslmode')).toBe('require')
    expect(read.REDIS_URL).toBe('rediss://default:%25@r.example:6379')
  })

  test('takes the bindings of a Worker: texts, and Hyperdrive by its address', () => {
    expect(
      readEnvironment({
        DATABASE_URL: { connectionString: url },
        TEG_URL: 'https://teg.example',
        KV: { get() {} },
      }),
    ).toEqual({ DATABASE_URL: url, TEG_URL: 'https://teg.example' })
  })

  test('lets a variable stand before a link of the same name', () => {
    expect(
      readEnvironment({
        LOG_LEVEL: 'error',
        SST_RESOURCE_LogLevel: JSON.stringify({ value: 'debug' }),
      }),
    ).toEqual({ LOG_LEVEL: 'error' })
  })
})

describe('the configuration of a function', () => {
  const teg = { TEG_URL: 'https://teg.example', TEG_SERVICE_TOKEN: token }
  const faults = (
    source: Record<string, unknown>,
    service: 'registry' | 'teg' | 'event-store' = 'registry',
  ) => {
    try {
      readFaasConfig(platform(source), service)
      return []
    } catch (error) {
      return (error as { faults: string[] }).faults.map((fault) => fault.split(':')[0])
    }
  }

  test('embeds nothing: what is missing is told at once', () => {
    expect(faults({})).toEqual(['DATABASE_URL', 'TEG_URL'])
    expect(faults({}, 'teg')).toEqual(['TEG_DATABASE_URL', 'TEG_SERVICE_TOKEN'])
    expect(faults({}, 'event-store')).toEqual(['EVENT_STORE_DATABASE_URL', 'EVENT_STORE_SERVICE_TOKEN'])
  })

  test('does without Redis: then the database coordinates', () => {
    expect(faults({ DATABASE_URL: url, ...teg })).toEqual([])
  })

  test('wants the token of a bridge that it names', () => {
    const bridge = { DATABASE_URL: url, ...teg, NEON_BRIDGE_URL: 'https://bridge.example' }
    expect(faults(bridge)).toEqual(['NEON_BRIDGE_TOKEN'])
    expect(faults({ ...bridge, NEON_BRIDGE_TOKEN: token })).toEqual([])
    expect(faults({ ...bridge, NEON_BRIDGE_TOKEN: 'short' })).toEqual(['NEON_BRIDGE_TOKEN'])
  })

  test('is the same profile whatever the platform says', () => {
    const config = readFaasConfig(
      platform({
        DATABASE_URL: url,
        ...teg,
        NINEFOLD_PROFILE: 'embedded',
        HOST_SERVICES: 'all',
        HOST_WORKERS: '4',
      }),
      'registry',
    )
    expect([config.NINEFOLD_PROFILE, config.HOST_SERVICES, config.HOST_WORKERS]).toEqual([
      'faas',
      'registry',
      1,
    ])
  })
})
