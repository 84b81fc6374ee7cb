/** Waits for what comes by itself. A busy machine is no failure. */
import { vi } from 'vitest'

const TIMEOUT_MS = 20_000

/** Tries until the check no longer throws. @returns what it returns */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: TIMEOUT_MS })
