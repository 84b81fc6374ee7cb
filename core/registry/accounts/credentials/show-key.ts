/** The public forms of keys. The key itself is only in the reply that makes it. */
import type { Role } from '#core/base/caller.ts'
import type { CredentialRow } from './queries.ts'

const common = (row: CredentialRow) => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  last_used_at: row.last_used_at?.toISOString() ?? null,
})

export const showApiKey = (row: CredentialRow) => ({
  ...common(row),
  kind: row.kind as 'developer' | 'operator',
  scopes: row.scopes,
  roles: row.roles as Role[],
})

export const showAgentKey = (row: CredentialRow) => ({
  ...common(row),
  agent: row.agent ?? '',
  scopes: row.scopes,
  limits: row.limits,
})
