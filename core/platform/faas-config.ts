/** Configuration of functions on a FaaS host, and of the way there from outside of the stack's network. */
import { z } from 'zod'
import { type KeySpec, key, url, whole } from './config-shapes.ts'

const token = z.string().regex(/^[A-Za-z0-9_-]{24,200}$/, 'must be 24 to 200 characters of A-Z a-z 0-9 _ -')

export const faasKeys = {
  DATABASE_DRIVER: key(
    z.enum(['pg', 'neon', 'neon-http'], { error: 'must be pg, neon or neon-http' }),
    'How functions on a FaaS host reach the database: pg over a socket, neon over a WebSocket, neon-http over HTTPS (no transactions).',
    { default: 'pg' },
  ),
  NEON_BRIDGE_URL: key(
    url(['http:', 'https:']),
    "Address of a Ninefold host's bridge, for DATABASE_DRIVER neon and neon-http; absent: that of Neon itself, by DATABASE_URL.",
  ),
  NEON_BRIDGE_PORT: key(
    whole(0, 65535),
    'Port on which this host lets the stock Neon driver through to the database (0: none). Put TLS before it.',
    { default: '0' },
  ),
  NEON_BRIDGE_TOKEN: key(token, 'Token that the bridge wants and that functions show to it.', {
    secret: true,
  }),
  NEON_BRIDGE_TARGET: key(
    z.string().regex(/^[A-Za-z0-9.-]{1,253}:\d{1,5}$/, 'must be host:port'),
    'The one address that the bridge leads to. Default: that of DATABASE_URL.',
  ),
  NEON_BRIDGE_CONNECTIONS: key(whole(1, 1000), 'Connections that the bridge holds at most.', {
    default: '50',
  }),
} as const satisfies Record<string, KeySpec>

interface Settings {
  readonly NINEFOLD_PROFILE: string
  readonly NEON_BRIDGE_PORT: number
}

/** @param isAbsent tells whether the environment gave a key */
export function faasFaults(
  config: Settings,
  isAbsent: (name: keyof typeof faasKeys | 'DATABASE_URL') => boolean,
): string[] {
  const faults: string[] = []
  if (config.NEON_BRIDGE_PORT > 0) {
    if (isAbsent('NEON_BRIDGE_TOKEN'))
      faults.push('NEON_BRIDGE_TOKEN: is required with NEON_BRIDGE_PORT (or NEON_BRIDGE_TOKEN_FILE)')
    if (isAbsent('NEON_BRIDGE_TARGET') && isAbsent('DATABASE_URL'))
      faults.push('NEON_BRIDGE_PORT: an embedded database has no address; set DATABASE_URL')
  }
  if (!isAbsent('NEON_BRIDGE_URL') && isAbsent('NEON_BRIDGE_TOKEN'))
    faults.push('NEON_BRIDGE_TOKEN: is required with NEON_BRIDGE_URL')
  return faults
}
