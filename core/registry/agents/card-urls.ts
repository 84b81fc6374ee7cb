/** URLs in a card, judged by their text alone: they are never resolved and never called. */
import ipaddr from 'ipaddr.js'

const TRANSPORTS = new Set(['https:', 'http:', 'wss:', 'ws:', 'grpcs:', 'grpc:'])
const HIERARCHICAL = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]/i
/** Schemes that a page showing the card must never follow. */
const UNSAFE = new Set(['javascript:', 'vbscript:', 'data:', 'file:', 'blob:'])

/** The parsed URL of an absolute address, or null. */
export function parseEndpoint(text: string): URL | null {
  const full = isHostPort(text) ? `grpc://${text}` : text
  if (!HIERARCHICAL.test(full) || /\s/.test(full)) return null
  const url = URL.parse(full)
  return url && TRANSPORTS.has(url.protocol) && url.hostname !== '' ? url : null
}

/** gRPC names its endpoints as host:port. */
function isHostPort(text: string): boolean {
  return /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):[0-9]{1,5}$/i.test(text)
}

export const isEndpoint = (text: string): boolean => parseEndpoint(text) !== null

/** False for a link that could run code or read files where the card is shown (an icon may be a data: image). */
export function hasSafeScheme(text: string): boolean {
  // Read as a browser reads it: control characters before or inside the scheme do not hide it.
  const url = URL.parse(text)
  return !url || !UNSAFE.has(url.protocol) || /^data:image\/(png|jpeg|gif|webp);base64,/i.test(url.href)
}

/** What there is to say of an address: [code, words] or null. */
export function adviseUrl(text: string): readonly [string, string] | null {
  const url = parseEndpoint(text)
  if (!url) return ['not_absolute', 'is not an absolute URL']
  const range = rangeOf(url.hostname)
  if (range === 'loopback' || range === 'unspecified')
    return ['loopback_url', "points to the reader's own machine: other agents cannot reach it"]
  if (range !== null && range !== 'unicast')
    return ['private_url', `is a ${range} address: agents outside its network cannot reach it`]
  if (url.username || url.password) return ['credentials_in_url', 'holds a user name or password']
  if (url.protocol === 'http:' || url.protocol === 'ws:')
    return ['insecure_url', 'is not encrypted; https is expected in production']
  return null
}

/** The kind of network of a literal address or local name; null for other names. */
function rangeOf(hostname: string): string | null {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback'
  if (host.endsWith('.local') || host.endsWith('.internal')) return 'private'
  if (!ipaddr.isValid(host)) return null
  return ipaddr.process(host).range()
}
