/** cert-writer on the real SPIRE: SPIRE_BIN_DIR names the folder of spire-server and spire-agent 1.10.4; SPIRE_BUILD=1 builds them. */
import { execFileSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

const { SPIRE_BIN_DIR, SPIRE_BUILD, XDG_CACHE_HOME, REQUIRE_SERVICES } = process.env

/** Only when asked for: it takes minutes, and a network. */
function buildSpire(): string {
  const folder = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'ninefold', 'spire-1.10.4')
  const script = resolve(import.meta.dirname, 'test/spire/build-spire')
  return execFileSync(script, [folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
}

const bin = SPIRE_BIN_DIR || (SPIRE_BUILD === '1' ? buildSpire() : '')
if (REQUIRE_SERVICES === '1' && !bin)
  throw new Error(
    'REQUIRE_SERVICES=1, but SPIRE_BIN_DIR is not set (SPIRE_BUILD=1 builds SPIRE, where Go is installed)',
  )

export default defineConfig({
  test: {
    include: ['test/spire/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { NODE_ENV: 'test', ...(bin ? { SPIRE_BIN_DIR: bin } : {}) },
  },
})
