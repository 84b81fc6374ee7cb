/** The accounts, for operators. */
import { emailKey } from '#core/base/email.ts'
import { type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { afterOf, type PageWish } from './page-wish.ts'
import { selectAccounts } from './queries.ts'
import type { Account } from './schema.ts'
import { showAccount } from './show-account.ts'

/** Newest first, deleted ones (without anything personal) among them. `email` finds the account of an address. */
export async function listAccounts(
  ctx: RegistryContext,
  page: PageWish & { email?: string | undefined },
): Promise<Page<Account>> {
  const key = page.email === undefined ? null : emailKey(page.email)
  const filters = { list: 'accounts', email: key ?? undefined }
  const rows = await selectAccounts(ctx.db, afterOf(page, filters), key, page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [row.id], showAccount)
}
