/** The rate-limit tier of a caller, answered without waiting: the snapshot is renewed behind the request that finds it old. */
import type { Caller } from '#core/base/caller.ts'
import type { RegistryResources } from '../context.ts'
import { isStale, knownSettings, readSettings } from './read-settings.ts'

export interface CallerTier {
  readonly name: string
  readonly perMinute: number
}

/** Makes the reader. The host awaits `readSettings` once at start, so that stored limits count from the first request. */
export function tierReader(resources: RegistryResources): (caller: Caller) => CallerTier {
  const { config, clock, log } = resources
  let renewing = false
  const renew = async () => {
    renewing = true
    try {
      await readSettings(resources)
    } catch (error) {
      log.warn({ error }, 'the settings could not be read; the last known limits stay in force')
    } finally {
      renewing = false
    }
  }
  return (caller) => {
    const known = knownSettings(resources)
    if (!renewing && (!known || isStale(known, clock.now()))) void renew()
    return caller.kind === 'anonymous'
      ? {
          name: 'public',
          perMinute: known?.values.rate_limit_public_per_minute ?? config.RATE_LIMIT_PUBLIC_PER_MINUTE,
        }
      : {
          name: 'authenticated',
          perMinute:
            known?.values.rate_limit_authenticated_per_minute ?? config.RATE_LIMIT_AUTHENTICATED_PER_MINUTE,
        }
  }
}
