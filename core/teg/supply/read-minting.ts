/** The minting authority of this TEG, and whether it has ever used one. */
import type { Minting } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readMinting as readHeld } from './queries.ts'

/** The authority is the database's word, which the gate asks too, and the configuration's. */
export async function readMinting(ctx: TegContext): Promise<Minting> {
  const { minting, ever_minted } = await readHeld(ctx.db)
  return { authority: minting && ctx.config.MINTING_AUTHORITY === 'teg-layer', ever_minted }
}
