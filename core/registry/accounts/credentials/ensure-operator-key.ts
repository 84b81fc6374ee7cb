/** Sees to the preset operator key when a host starts: that of OPERATOR_API_KEY, else one made once. */
import type { Config } from '#core/platform/config.ts'
import { idMaker, type Resources } from '#core/platform/context.ts'
import { makeSecret, prefixOf, sha256Hex } from '../rules.ts'
import { deletePreset, findPreset, insertCredential, lockPreset } from './queries.ts'

/**
 * With OPERATOR_API_KEY the preset key becomes that text and an earlier one ends. Without, a key is made unless there
 * is one already. Safe when several processes start at once.
 * @returns the text of a key that was made now, to be printed once; else null
 */
export async function ensureOperatorKey(
  held: Resources & { readonly config: Config },
): Promise<string | null> {
  const wanted = held.config.OPERATOR_API_KEY
  return held.db.transaction(async (tx) => {
    await lockPreset(tx)
    const before = await findPreset(tx)
    if (wanted === undefined ? before : before?.hash === sha256Hex(wanted)) return null
    const text = wanted ?? makeSecret('nfo_', held.random)
    await deletePreset(tx)
    await insertCredential(tx, {
      id: idMaker(held.clock, held.random)(),
      kind: 'operator',
      preset: true,
      account: null,
      agent: null,
      name: 'preset',
      scopes: ['*'],
      roles: ['operator', 'auditor'],
      limits: null,
      hash: sha256Hex(text),
      prefix: prefixOf(text),
      expiresAt: null,
      time: held.clock.fixed,
    })
    return wanted === undefined ? text : null
  })
}
