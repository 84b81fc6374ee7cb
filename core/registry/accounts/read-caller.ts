/** Finds out who a bearer token belongs to: one hash or one signature, then one indexed statement. */
import { timingSafeEqual } from 'node:crypto'
import type { AgentCaller, Caller, Role } from '#core/base/caller.ts'
import { isUuid } from '#core/base/ids.ts'
import type { Clock } from '#core/platform/context.ts'
import type { Database } from '#core/platform/database/database.ts'
import { gatherLookups } from '#core/platform/database/gather-lookups.ts'
import type { RegistryContext } from '../context.ts'
import {
  findAgentKeyCallers,
  findKeyCallers,
  type KeyCallerRow,
  touchCredential,
} from './credentials/queries.ts'
import { LAST_USED_SECONDS, livingRoles, readLimits } from './credentials/rules.ts'
import { sha256Hex } from './rules.ts'
import { readAccessToken } from './sessions/access-token.ts'
import { findLiveSessions } from './sessions/queries.ts'

const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** The caller of a token, or null when it is unknown, expired or revoked. */
export async function readCaller(ctx: RegistryContext, token: string): Promise<Caller | null> {
  const hash = sha256Hex(token)
  if (isPreset(ctx, hash)) return presetOperator
  if (JWT.test(token)) return readJwt(ctx, token)
  const row = await lookupsOf(ctx).byHash(hash)
  return row ? callerOf(ctx, row) : null
}

const lookups = new WeakMap<Database, ReturnType<typeof makeLookups>>()

/** The look-ups of this process: calls of the same moment share a statement, on the database without a call's signal. */
function lookupsOf(ctx: RegistryContext) {
  const db = ctx.db.unbound
  const known = lookups.get(db)
  if (known) return known
  const made = makeLookups(db, ctx.clock)
  lookups.set(db, made)
  return made
}

function makeLookups(db: Database, clock: Clock) {
  const stale = LAST_USED_SECONDS
  return {
    byHash: gatherLookups(
      (hashes, signal) => findKeyCallers(db.bound(signal), hashes, clock.fixed, stale),
      (row) => row.hash,
    ),
    byAgentKey: gatherLookups(
      (ids, signal) => findAgentKeyCallers(db.bound(signal), ids, clock.fixed, stale),
      (row) => row.id,
    ),
    bySession: gatherLookups(
      (ids, signal) => findLiveSessions(db.bound(signal), ids, clock.fixed),
      (row) => row.session,
    ),
  }
}

/** The preset key stands for the operator and for nobody's account. */
const presetOperator: Caller = {
  kind: 'operator',
  account: null,
  key: 'preset',
  roles: ['operator', 'auditor'],
}

/** Compares with the configured key; the digests have one length, so that time tells nothing. */
function isPreset(ctx: RegistryContext, hash: string): boolean {
  const preset = ctx.config.OPERATOR_API_KEY
  if (preset === undefined) return false
  const known = presetHashes.get(ctx.config) ?? Buffer.from(sha256Hex(preset))
  presetHashes.set(ctx.config, known)
  return timingSafeEqual(known, Buffer.from(hash))
}
const presetHashes = new WeakMap<object, Buffer>()

async function readJwt(ctx: RegistryContext, token: string): Promise<Caller | null> {
  const claims = await readAccessToken(ctx, token)
  if (!claims) return null
  if ('sid' in claims) {
    if (!isUuid(claims.sid)) return null
    const row = await lookupsOf(ctx).bySession(claims.sid)
    if (!row || row.account !== claims.sub) return null
    return {
      kind: 'developer',
      account: row.account,
      email: row.email,
      emailVerified: row.verified,
      roles: row.roles as Role[],
      scopes: null,
      session: claims.sid,
      key: null,
    }
  }
  if (!isUuid(claims.client_id)) return null
  const row = await lookupsOf(ctx).byAgentKey(claims.client_id)
  if (!row || row.did !== claims.sub) return null
  return agentOf(row, claims.scope.split(' '))
}

async function callerOf(ctx: RegistryContext, row: KeyCallerRow): Promise<Caller | null> {
  if (row.stale) await touchCredential(ctx.db, row.id, ctx.time, LAST_USED_SECONDS)
  if (row.preset) return presetOperator
  if (row.account === null) return null
  if (row.kind === 'agent') return agentOf(row, row.scopes)
  if (row.kind === 'operator') {
    const roles = livingRoles(row.roles, row.account_roles ?? [])
    return roles.length === 0 ? null : { kind: 'operator', account: row.account, key: row.id, roles }
  }
  return {
    kind: 'developer',
    account: row.account,
    email: row.email ?? '',
    emailVerified: row.verified,
    // A key opens what its scopes say and no operator's route.
    roles: [],
    scopes: row.scopes,
    session: null,
    key: row.id,
  }
}

function agentOf(row: KeyCallerRow, scopes: readonly string[]): AgentCaller | null {
  if (row.agent === null || row.did === null || row.account === null) return null
  return {
    kind: 'agent',
    agent: row.agent,
    did: row.did,
    account: row.account,
    key: row.id,
    scopes,
    limits: readLimits(row.limits),
  }
}
