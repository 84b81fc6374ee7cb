/** Test runner: files run in forks, two at a time at most (each holds an embedded database of about 0.5 GB). */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**', 'test/soak/**', 'test/compose/**', 'test/spire/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A busy machine is no failure: what is waited for may come late.
    expect: { poll: { timeout: 20_000 } },
    // Nobody's settings may leak into the tests.
    env: { NODE_ENV: 'test' },
  },
})
