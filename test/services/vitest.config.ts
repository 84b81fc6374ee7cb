/** Tests on real servers: TEST_DATABASE_URL, PGBOUNCER_TEST_URL, REDIS_TEST_URL; REQUIRE_SERVICES=1 makes absence a failure. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/services/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: { NODE_ENV: 'test' },
  },
})
