/** Judges addresses that users give, by their text and by what they lead to. */
import ipaddr from 'ipaddr.js'

export type OutboundCode = 'refused_url' | 'refused_address' | 'timed_out' | 'too_large' | 'unreachable'

/** Why nothing came back. The words are fit for the user who gave the address. */
export class OutboundError extends Error {
  readonly code: OutboundCode
  constructor(code: OutboundCode, words: string, cause?: unknown) {
    super(words, { cause })
    this.name = 'OutboundError'
    this.code = code
  }
}

export type Permits = (address: string) => boolean

/** @throws OutboundError refused_url or refused_address */
export function checkUrl(
  text: string,
  allowHttp: boolean,
  ports: readonly number[] | 'any',
  permits: Permits,
): URL {
  const refuse = (words: string) => new OutboundError('refused_url', words)
  if (!URL.canParse(text)) throw refuse('is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:'))
    throw refuse(`must begin with ${allowHttp ? 'https:// or http://' : 'https://'}`)
  if (url.username !== '' || url.password !== '') throw refuse('must not carry a user name or password')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  if (ports !== 'any' && !ports.includes(port)) throw refuse(`must use one of the ports ${ports.join(', ')}`)
  // The URL parser has turned every spelling of an address (decimal, hex, octal, mapped) into its plain form.
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(literal) && !permits(literal)) throw refusedAddress()
  return url
}

export const refusedAddress = () =>
  new OutboundError('refused_address', 'leads to an address that is not on the public internet')

/** Public unicast addresses, and those explicitly allowed. */
export function readAllowed(allow: readonly string[]): Permits {
  const ranges = allow.map((item): [ipaddr.IPv4 | ipaddr.IPv6, number] => {
    if (item.includes('/')) return ipaddr.parseCIDR(item)
    const address = ipaddr.process(item)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  })
  const global = ipaddr.parseCIDR('2000::/3')
  return (text) => {
    if (!ipaddr.isValid(text)) return false
    const address = ipaddr.process(text)
    if (ranges.some((range) => range[0].kind() === address.kind() && address.match(range as never)))
      return true
    return address.range() === 'unicast' && (address.kind() === 'ipv4' || address.match(global as never))
  }
}
