/** cert-writer on the real SPIRE: SPIRE_BIN_DIR names the folder of spire-server and spire-agent 1.10.4. */
import { defineConfig } from 'vitest/config'

if (process.env.REQUIRE_SERVICES === '1' && !process.env.SPIRE_BIN_DIR)
  throw new Error('REQUIRE_SERVICES=1, but SPIRE_BIN_DIR is not set')

export default defineConfig({
  test: {
    include: ['test/spire/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { NODE_ENV: 'test' },
  },
})
