/** The guard of the start: dids are made of PUBLIC_URL's host, so it may not change under agents that exist. */
import type { RegistryResources } from '../context.ts'
import { findForeignDid } from './queries.ts'
import { hostOfDid } from './rules.ts'

/** @throws Error with words for the operator */
export async function checkPublicUrl(resources: Pick<RegistryResources, 'db' | 'config'>): Promise<void> {
  const { PUBLIC_URL, PUBLIC_URL_ALIASES } = resources.config
  const aliases = PUBLIC_URL_ALIASES.split(',')
    .map((text) => text.trim())
    .filter(Boolean)
  const bad = aliases.find((text) => !URL.canParse(text))
  if (bad !== undefined) throw new Error(`PUBLIC_URL_ALIASES: ${JSON.stringify(bad)} is not a URL`)
  const hosts = [PUBLIC_URL, ...aliases].map((text) => new URL(text).host)
  const foreign = await findForeignDid(
    resources.db,
    hosts.map((host) => `did:web:${encodeURIComponent(host)}:`),
  )
  if (!foreign) return
  const old = hostOfDid(foreign.did)
  throw new Error(
    `PUBLIC_URL: its host is ${hosts[0]}, but this registry holds agents whose did stands under ${old}. ` +
      `Set PUBLIC_URL back, or name the old address in PUBLIC_URL_ALIASES (such as https://${old}) and keep it reachable.`,
  )
}
