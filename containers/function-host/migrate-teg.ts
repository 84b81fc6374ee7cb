/** What the owner of the ledger's tables does before a TEG starts: migrations, and the minting authority that it shall have. */
import type { Config } from '#core/platform/config.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { claimMinting } from '#core/teg/supply/claim-minting.ts'

/**
 * @param authority null: as it is
 * @returns the names of the scripts applied
 */
export async function migrateTeg(
  owner: Database,
  authority: Config['MINTING_AUTHORITY'] | null,
): Promise<string[]> {
  const applied = await migrate(owner, 'teg', migrations)
  if (authority !== null) await claimMinting(owner, authority === 'teg-layer')
  return applied
}
