/** The service suites and every database-backed test again, on a real PostgreSQL, Redis and pgbouncer. */
import { defineConfig } from 'vitest/config'

/** Where the servers are; `.ci/run` starts its own and sets these. */
const needed = ['TEST_DATABASE_URL', 'REDIS_TEST_URL', 'PGBOUNCER_TEST_URL']
const missing = needed.filter((name) => !process.env[name])
if (process.env.REQUIRE_SERVICES === '1' && missing.length > 0)
  throw new Error(`REQUIRE_SERVICES=1, but ${missing.join(', ')} are not set`)

/** What never meets a server has nothing to say here: `npm test` has run it. */
const embedded = [
  'test/house/**',
  'test/sdk/**',
  'test/runtimes/**',
  'test/stacks/**',
  'test/containers/**',
  'test/core/base/**',
  'test/**/rules.test.ts',
  // They start hosts on the embedded database.
  'test/journeys/{add-function,crash-under-load,dev,main-job,payments,readme}.test.ts',
  // They move their clock by hand and wait for no server: they are exact on the embedded engine alone.
  'test/core/runtime/{overlap,run-schedules}.test.ts',
]

/** What proves the ledger: it draws new seeds at each try, so that a second one would hide what the first has found. */
const ledger = [
  'test/core/teg/**/*.test.ts',
  'test/services/{copied-database,ledger-kills,restored-teg,teg-roles}.test.ts',
]

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A busy machine is no failure: what is waited for may come late.
    expect: { poll: { timeout: 20_000 } },
    env: { NODE_ENV: 'test' },
    reporters: ['default', 'test/support/tell-retries.ts'],
    projects: [
      { extends: true, test: { name: 'ledger', include: ledger, retry: 0 } },
      {
        extends: true,
        test: {
          name: 'rest',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...embedded,
            ...ledger,
            'test/soak/**',
            'test/compose/**',
            'test/spire/**',
            'node_modules/**',
          ],
          // A moved clock beside a real server's latency can pass for a lapsed lease: a failed test is tried again, and told
          // of at the end of the run.
          retry: 2,
        },
      },
    ],
  },
})
