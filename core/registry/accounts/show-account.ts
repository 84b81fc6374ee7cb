/** The public form of an account, for its owner and for operators. */
import type { AccountRow } from './queries.ts'
import type { Account } from './schema.ts'

export const showAccount = (row: AccountRow): Account => ({
  id: row.id,
  email: row.email,
  email_verified: row.email_verified_at !== null,
  display_name: row.display_name,
  roles: row.roles as Account['roles'],
  status: row.status,
  created_at: row.created_at.toISOString(),
})
