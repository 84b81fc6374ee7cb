/** Makes the ledger's database hold the minting authority that the configuration names; only its owner may change it. */
import { ConfigError } from '#core/platform/config.ts'
import type { Database } from '#core/platform/database/database.ts'
import { readMinting, setMinting } from './queries.ts'

const nameOf = (minting: boolean) => (minting ? 'teg-layer' : 'disabled')

/** @throws ConfigError where the database holds another authority and the role of this connection may not change it */
export async function claimMinting(db: Database, minting: boolean): Promise<void> {
  const held = await readMinting(db)
  if (held.minting === minting) return
  if (!held.may)
    throw new ConfigError([
      `MINTING_AUTHORITY: is ${nameOf(minting)}, but the ledger's database holds ${nameOf(held.minting)}, and its role ` +
        `${held.role} may not change that. Run \`operate migrate\` with MINTING_AUTHORITY=${nameOf(minting)} and ` +
        'TEG_DATABASE_DIRECT_URL of the owner of the tables, or start a host of the TEG with both once',
    ])
  await setMinting(db, minting)
}
