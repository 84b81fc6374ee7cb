/**
 * The long runs: kill -9 under load, hours of random operations. Not part of `npm test`. SOAK_RUNS: sequences of each
 * protocol of the ledger (3000); SOAK_KILLS: kills (60); SOAK_SECONDS: of the event streams.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/soak/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 30 * 60_000,
    hookTimeout: 120_000,
    // A busy machine is no failure: what is waited for may come late.
    expect: { poll: { timeout: 20_000 } },
    passWithNoTests: true,
    env: { NODE_ENV: 'test' },
  },
})
