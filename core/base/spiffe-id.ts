/** Reads SPIFFE IDs (SPIFFE-ID.md, section 2): spiffe://<trust domain>/<path>. */

export interface SpiffeId {
  /** As written. */
  readonly text: string
  readonly trustDomain: string
  /** With its slash; '' for the ID of a trust domain itself. */
  readonly path: string
}

const SHAPE = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/
const LENGTH_MAX = 2048

/** The parts of an ID, or null: no port, query, fragment, user, percent sign, empty segment or dots alone. */
export function parseSpiffeId(text: string): SpiffeId | null {
  if (text.length > LENGTH_MAX) return null
  const match = SHAPE.exec(text)
  if (!match) return null
  const [, trustDomain = '', path = ''] = match
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) return null
  return { text, trustDomain, path }
}

/** The registry that an ID names: spiffe://<trust domain>/registry/<name>; null for every other ID. */
export const registryOf = (id: SpiffeId): string | null =>
  /^\/registry\/([a-z0-9][a-z0-9-]{0,62})$/.exec(id.path)?.[1] ?? null
