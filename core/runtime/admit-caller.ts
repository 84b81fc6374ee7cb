/** Decides whether a kind of caller may enter a row; deny is the default. */
import { type Caller, coversScope, hasRole, type Scope } from '#core/base/caller.ts'
import { fail, type Problem } from '#core/base/errors.ts'
import type { CallerKind, CallerRule } from './define-function.ts'

const words: Record<CallerKind, string> = {
  developer: 'a developer session or developer API key (nfk_)',
  agent: "an agent key (nfa_) or an agent's OAuth token",
  operator: 'an operator key (nfo_) or the session of an account with the role operator',
  auditor: 'an auditor key (nfo_) or the session of an account with the role auditor',
  service: 'the service token',
  peer: 'the client certificate of a peer, over the federation port',
}

const isKind = (caller: Caller, kind: CallerKind): boolean =>
  kind === 'operator' || kind === 'auditor' ? hasRole(caller, kind) : caller.kind === kind

const isPeerOnly = (rule: readonly CallerKind[]) => rule.every((kind) => kind === 'peer')

/** The refusal of a caller, or null: 401 without credential, 403 insufficient_scope for a wrong kind or a lacking scope. */
export function admit(rule: CallerRule, scope: Scope | undefined, caller: Caller): Problem | null {
  if (rule === 'public') return null
  const needed = rule.map((kind) => words[kind]).join(', or ')
  if (caller.kind === 'anonymous')
    return fail(
      'unauthenticated',
      `This route needs ${needed}${isPeerOnly(rule) ? '' : ', as "Authorization: Bearer ..."'}.`,
    )
  if (!rule.some((kind) => isKind(caller, kind)))
    return fail(
      'insufficient_scope',
      `This route needs ${needed}; the credential is that of ${describe(caller)}.`,
    )
  if (
    scope === undefined ||
    rule.some((kind) => (kind === 'operator' || kind === 'auditor') && isKind(caller, kind))
  )
    return null
  if ((caller.kind === 'developer' || caller.kind === 'agent') && !coversScope(caller.scopes, scope))
    return fail('insufficient_scope', `The key does not have the scope ${scope}.`)
  return null
}

function describe(caller: Caller): string {
  switch (caller.kind) {
    case 'developer':
      return 'a developer'
    case 'agent':
      return 'an agent'
    case 'operator':
      return `an ${caller.roles.join(' and ') || 'operator'} key`
    case 'service':
      return 'a service'
    case 'peer':
      return 'a peer'
    case 'anonymous':
      return 'nobody'
  }
}
