/** The nine containers as an operator starts them, on a Docker engine: one file after the other, one test after the other. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/compose/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 480_000,
    // Each test goes on where the one before has ended.
    bail: 1,
    env: { NODE_ENV: 'test' },
  },
})
