/** Servers that the service tests need, by environment; under REQUIRE_SERVICES=1 an absent one is a failure. */

export type ServerName = 'TEST_DATABASE_URL' | 'PGBOUNCER_TEST_URL' | 'REDIS_TEST_URL'

/**
 * The address of a server, or null when the tests that need it shall be skipped.
 * @throws when it is absent although REQUIRE_SERVICES=1 says that it must be there
 */
export function serverUrl(name: ServerName): string | null {
  const url = process.env[name]
  if (url) return url
  if (process.env.REQUIRE_SERVICES === '1') throw new Error(`${name} is not set, and REQUIRE_SERVICES=1`)
  return null
}
