/** Decides for which sources a caller speaks: what it may append, read back and erase. */
import type { Caller } from '#core/base/caller.ts'
import type { Config } from '#core/platform/config.ts'

type Settings = Pick<Config, 'EVENT_STORE_TOKEN_SOURCES' | 'REGISTRY_NAME'>

/**
 * The beginnings of a caller's sources. The one seam for identities: a registry speaks for the sources that its SPIFFE ID
 * names, the holder of the service token for those that the configuration gives it (absent: those of the registry of this
 * name), everybody else for none.
 */
export function sourcesOf(caller: Caller, settings: Settings): readonly string[] {
  if (caller.kind === 'peer') return caller.registry === null ? [] : [`/registries/${caller.registry}/`]
  if (caller.kind !== 'service') return []
  const given = settings.EVENT_STORE_TOKEN_SOURCES.split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  return given.length > 0 ? given : [`/registries/${settings.REGISTRY_NAME}/`]
}

/** True when one of the beginnings covers the source: it ends with a slash, or is the source up to its incarnation. */
export const coversSource = (beginnings: readonly string[], source: string): boolean =>
  beginnings.some(
    (beginning) =>
      source.startsWith(beginning) &&
      (beginning.endsWith('/') || source.length === beginning.length || source[beginning.length] === '#'),
  )

/** What the caller is called in evidence and erasures. */
export const actorOf = (caller: Caller): string =>
  caller.kind === 'service' ? caller.name : caller.kind === 'peer' ? caller.spiffeId : caller.kind
