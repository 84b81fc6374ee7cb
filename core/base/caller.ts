/** Who makes a request, as the runtime's authenticator found out. */

export type Role = 'operator' | 'auditor'

/** `<group>:read` or `<group>:write`, `*` for all; write includes read. */
export type Scope = string

export interface Anonymous {
  readonly kind: 'anonymous'
}
/** A developer by session or nfk_ key. `scopes` null: everything the account may do. Roles open operator routes to sessions. */
export interface Developer {
  readonly kind: 'developer'
  readonly account: string
  readonly email: string
  readonly emailVerified: boolean
  readonly roles: readonly Role[]
  readonly scopes: readonly Scope[] | null
  readonly session: string | null
  readonly key: string | null
}
/** An agent by nfa_ key or the OAuth token got with one. `account` is the owner's. */
export interface AgentCaller {
  readonly kind: 'agent'
  readonly agent: string
  readonly did: string
  readonly account: string
  readonly key: string
  readonly scopes: readonly Scope[]
  readonly limits: KeyLimits | null
}
/** What an agent key may spend; enforced by the gate under the payer's lock. Amounts in micro-AVT. */
export interface KeyLimits {
  readonly perTransfer: bigint | null
  readonly perDay: bigint | null
  readonly allowedPayees: readonly string[] | null
}
/** An operator or auditor by nfo_ key, or by the preset OPERATOR_API_KEY (account null). */
export interface OperatorCaller {
  readonly kind: 'operator'
  readonly account: string | null
  readonly key: string
  readonly roles: readonly Role[]
}
/** Another part of the same stack, by service token. */
export interface ServiceCaller {
  readonly kind: 'service'
  readonly name: string
}

/** A workload of a federation, by the SPIFFE ID of its certificate. */
export interface PeerCaller {
  readonly kind: 'peer'
  readonly spiffeId: string
  readonly trustDomain: string
  /** The registry that the ID names; null: another kind of workload. */
  readonly registry: string | null
}

export type Caller = Anonymous | Developer | AgentCaller | OperatorCaller | ServiceCaller | PeerCaller

/** The name under which a caller is limited and its idempotency keys are kept. */
export function principalOf(caller: Caller): string | null {
  switch (caller.kind) {
    case 'anonymous':
      return null
    case 'developer':
      return `developer:${caller.account}`
    case 'agent':
      return `agent:${caller.agent}`
    case 'operator':
      return `operator:${caller.account ?? caller.key}`
    case 'service':
      return `service:${caller.name}`
    case 'peer':
      return `peer:${caller.spiffeId}`
  }
}

/** True when the caller holds a role, by key or by account. */
export function hasRole(caller: Caller, role: Role): boolean {
  return (caller.kind === 'operator' || caller.kind === 'developer') && caller.roles.includes(role)
}

/** True when a list of scopes covers the wanted one; null covers everything. */
export function coversScope(scopes: readonly Scope[] | null, wanted: Scope): boolean {
  if (scopes === null || scopes.includes('*') || scopes.includes(wanted)) return true
  const [group, act] = wanted.split(':')
  return act === 'read' && scopes.includes(`${group}:write`)
}
