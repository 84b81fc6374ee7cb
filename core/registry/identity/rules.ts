/** What the sidecar is told of the peers: pure; every part of it has a shape that can say nothing else to nginx. */
import { parseSpiffeId } from '#core/base/spiffe-id.ts'

/** A destination of the sidecar. */
export interface Destination {
  readonly name: string
  /** https: only. */
  readonly url: string
  /** The trust domain that its certificate must belong to. */
  readonly trustDomain: string
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

/** The destinations of a configuration: its peers, and the EventStore under our own trust domain. */
export function destinationsOf(
  peers: readonly { readonly name: string; readonly spiffe_id: string; readonly url: string }[],
  eventStore: {
    readonly name: string
    readonly url: string | undefined
    readonly trustDomain: string | null
  },
): Destination[] {
  const found = peers.flatMap(({ name, spiffe_id, url }) => {
    const id = parseSpiffeId(spiffe_id)
    return id ? [{ name, url, trustDomain: id.trustDomain }] : []
  })
  const { name, url, trustDomain } = eventStore
  return url?.startsWith('https:') && trustDomain ? [...found, { name, url, trustDomain }] : found
}

/**
 * Writes peers.conf. @param path of the folder of authorities, as nginx sees it
 * @param port of the sidecar's inner listener
 */
export function renderPeers(
  destinations: readonly Destination[],
  options: { readonly port: number; readonly folder: string; readonly hostOf: (name: string) => string },
): string {
  const servers = destinations.flatMap(({ name, url }) => {
    const { hostname, port } = new URL(url)
    if (!NAME.test(name) || !HOST.test(hostname)) return []
    return [
      'server {',
      `  listen ${options.port};`,
      `  server_name ${options.hostOf(name)};`,
      `  set $upstream "${hostname}:${port || '443'}";`,
      `  set $upstream_host "${hostname}${port ? `:${port}` : ''}";`,
      `  proxy_ssl_name "${hostname}";`,
      `  proxy_ssl_trusted_certificate "${options.folder}/${name}.pem";`,
      '  include outbound.conf;',
      '}',
    ]
  })
  return `# Written by the registry. Do not edit.\n${servers.map((line) => `${line}\n`).join('')}`
}
