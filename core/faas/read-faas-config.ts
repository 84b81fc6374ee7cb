/** Reads the configuration of a function: the host's schema, under the profile in which nothing is embedded. */
import { type Config, readConfig } from '#core/platform/config.ts'
import type { Platform } from './platform.ts'
import { readEnvironment } from './read-environment.ts'

/** @throws ConfigError with every fault */
export function readFaasConfig(platform: Platform, service: 'registry' | 'teg' | 'event-store'): Config {
  return readConfig({
    ...readEnvironment(platform.source),
    NINEFOLD_PROFILE: 'faas',
    HOST_SERVICES: service,
    HOST_WORKERS: '1',
  })
}
