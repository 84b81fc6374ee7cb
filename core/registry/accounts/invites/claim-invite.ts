/** Checks an invite for a registration and counts its use. */
import { emailKey } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { sha256Hex } from '../rules.ts'
import { countUse, lockInvite } from './queries.ts'

/** A good invite; `use` counts it, for a registration that makes a new account. */
export interface InviteClaim {
  readonly id: string
  use(): Promise<void>
}

/** @throws 403 invite_required when it is absent, unknown, expired, used up or for another address */
export async function claimInvite(
  tx: Transaction,
  ctx: RegistryContext,
  code: string | undefined,
  email: string,
): Promise<InviteClaim> {
  const found = code && (await lockInvite(tx, sha256Hex(code), emailKey(email), ctx.time))
  if (!found)
    throw fail('invite_required', 'Send a valid invite_code; the operator of the registry gives them.')
  return {
    id: found.id,
    async use() {
      await countUse(tx, found.id)
    },
  }
}
