/** The public forms of keys. The key itself is only in the reply that makes it. */
import type { CredentialRow } from './queries.ts'

const common = (row: CredentialRow) => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  last_used_at: row.last_used_at?.toISOString() ?? null,
})

export const showApiKey = (row: CredentialRow) => ({ ...common(row), scopes: row.scopes })

export const showAgentKey = (row: CredentialRow) => ({
  ...common(row),
  agent: row.agent ?? '',
  scopes: row.scopes,
  limits: row.limits,
})

export const showOperatorKey = (row: CredentialRow) => ({
  ...common(row),
  account: row.account,
  roles: row.roles as ('operator' | 'auditor')[],
})
