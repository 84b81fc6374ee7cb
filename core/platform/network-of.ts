/** The network that an address is counted by: whoever has one IPv6 address has 2^64 of them. */
import ipaddr from 'ipaddr.js'

const PARTS_OF_64_BITS = 4

/** An IPv4 address itself, the /64 of an IPv6 address, anything else as it is. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const { parts } = parsed as ipaddr.IPv6
  return `${parts
    .slice(0, PARTS_OF_64_BITS)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}
