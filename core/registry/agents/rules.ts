/** Rules of agents: names, places, who may change what. Pure; time is an argument. */
import type { AgentStatus, Location } from './schema.ts'
import { SLUG_MAX } from './schema.ts'

/** did:web of an agent under the registry's public address; fixed at creation. */
export function didOf(publicUrl: string, id: string): string {
  return `did:web:${encodeURIComponent(new URL(publicUrl).host)}:api:v1:agents:${id}`
}

/** The host (with port) that a did of ours stands under. */
export function hostOfDid(did: string): string {
  return decodeURIComponent(did.split(':')[2] ?? '')
}

/** A did as comparable text: a path's decoding may have turned %3A before the port into a colon. */
export const normalDid = (did: string): string => did.replaceAll(/%3a/gi, ':')

/** The local id at the end of a did of ours; null when it can't be one. */
export function idInDid(did: string): string | null {
  return /:agents:([0-9a-f]{8}-[0-9a-f-]{27})$/.exec(did)?.[1] ?? null
}

/** `country;region;city;latitude;longitude` of REGISTRY_LOCATION. */
export function parseLocation(text: string | undefined): Location | null {
  if (text === undefined) return null
  const [country = '', region, city, latitude, longitude] = text.split(';')
  return {
    country,
    ...(region ? { region } : {}),
    ...(city ? { city } : {}),
    latitude: Number(latitude),
    longitude: Number(longitude),
  }
}

/** A slug made of a name: Latin letters and digits of it, else `agent`. */
export function slugOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_MAX - 8)
    .replace(/^-+|-+$/g, '')
  return plain || 'agent'
}

/** Tries of a derived slug: the name itself, then numbered, then with a random ending. */
export function slugCandidates(name: string, random: Uint8Array): string[] {
  const base = slugOf(name)
  return [base, `${base}-2`, `${base}-3`, `${base}-${Buffer.from(random).toString('hex').slice(0, 7)}`]
}

/** Suspended and retired agents are not found in lists and discovery; who names them still sees them. */
export const isVisible = (status: AgentStatus): boolean => status === 'active' || status === 'deprecated'

/** The account's status at the TEG that an agent's status stands for. */
export function tegStatusOf(status: AgentStatus): 'open' | 'frozen' | 'closed' {
  if (status === 'retired') return 'closed'
  return status === 'suspended' ? 'frozen' : 'open'
}

/**
 * Judges an If-Match header against an entity tag without quotes (strong comparison; `*` fits any).
 * Quotes may be missing: a client that copies card_etag by hand is understood.
 */
export function fitsIfMatch(header: string, etag: string): boolean {
  const tags = header.split(',').map((tag) => tag.trim())
  return tags.some((tag) => tag === '*' || tag.replaceAll('"', '') === etag)
}

/** Judges an If-None-Match header (weak comparison, as RFC 9110 wants it). */
export function fitsIfNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.some((tag) => tag === '*' || tag.replaceAll('"', '') === etag)
}

export type StatusActor = 'owner' | 'operator'

/** Why a change of status is refused; null when it is allowed. */
export function judgeStatus(
  agent: { status: AgentStatus; suspended_by: StatusActor | null },
  actor: StatusActor,
): 'retired' | 'suspended_by_operator' | null {
  if (agent.status === 'retired') return 'retired'
  if (agent.status === 'suspended' && agent.suspended_by === 'operator' && actor === 'owner')
    return 'suspended_by_operator'
  return null
}
