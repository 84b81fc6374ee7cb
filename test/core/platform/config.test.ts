/** Configuration: every fault at once, each told once, secrets never repeated. */
import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '#core/platform/config.ts'

function faultsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults]
    throw error
  }
  return []
}
const keysOf = (faults: string[]) => faults.map((fault) => fault.split(':')[0])

describe('the configuration', () => {
  test('needs nothing: the defaults are an embedded registry with minting disabled and a fee of 0.5 %', () => {
    expect(readConfig({})).toMatchObject({
      NINEFOLD_PROFILE: 'embedded',
      MINTING_AUTHORITY: 'disabled',
      INTRA_REGISTRY_FEE_RATE: '0.005',
      GENESIS_GRANT_AMOUNT: '1000',
      RATE_LIMIT_PUBLIC_PER_MINUTE: 60,
      RATE_LIMIT_AUTHENTICATED_PER_MINUTE: 300,
      PUBLIC_URL: 'http://127.0.0.1:8000',
    })
  })

  test.each([
    ['INTRA_REGISTRY_FEE_RATE', '0.06', 'between 0.005 (0.5 %) and 0.05 (5.0 %)'],
    ['INTRA_REGISTRY_FEE_RATE', '0.0049', 'between 0.005 (0.5 %) and 0.05 (5.0 %)'],
    ['GENESIS_GRANT_AMOUNT', '100000.000001', 'between 0 and 100000 AVT'],
    ['GENESIS_GRANT_AMOUNT', '-1', 'between 0 and 100000 AVT'],
    ['MINTING_AUTHORITY', 'registry', 'disabled (federated) or teg-layer (standalone)'],
    ['RATE_LIMIT_PUBLIC_PER_MINUTE', '0', 'between 1 and 1000000'],
    ['RATE_LIMIT_AUTHENTICATED_PER_MINUTE', '1000001', 'between 1 and 1000000'],
  ])('refuses %s=%s with a message that says the bound', (name, value, bound) => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`${name}: ${JSON.stringify(value)} must be`)
    expect(faults[0]).toContain(bound)
  })

  test('under containers nothing falls back: what is missing is named, all at once', () => {
    const faults = faultsOf({ NINEFOLD_PROFILE: 'containers', HOST_WORKERS: '4', SMTP_URL: 'smtp://mail' })
    expect(keysOf(faults)).toEqual(
      expect.arrayContaining(['DATABASE_URL', 'REDIS_URL', 'TEG_DATABASE_URL', 'HOST_WORKERS']),
    )
  })

  test('tells a malformed value once, as malformed and not as missing too, and never prints a secret', () => {
    const faults = faultsOf({
      NINEFOLD_PROFILE: 'containers',
      HOST_SERVICES: 'registry',
      HOST_WORKERS: '2',
      EVENT_STORE_ENABLED: 'false',
      DATABASE_URL: 'mysql://u:canary-1@db/x',
      REDIS_URL: 'http://canary-2',
      TEG_URL: 'http://teg-layer:8080',
      TEG_SERVICE_TOKEN: 'canary-3',
      SMTP_URL: 'smtp://mail',
    })
    expect(keysOf(faults)).toEqual(['DATABASE_URL', 'REDIS_URL', 'TEG_SERVICE_TOKEN'])
    expect(faults.join('\n')).not.toContain('canary')
  })
})
