/** The store of recorded replies, sealed because some hold a secret that is shown once. */
import type { IdempotencyStore } from '#core/platform/idempotency.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { findRecord, insertClaim, updateRecord } from './queries.ts'

/** Makes the store that the runtime uses for `ctx.once`. */
export function keepReplies(keys: KeyRing): IdempotencyStore {
  return {
    async claim(tx, claim) {
      if (await insertClaim(tx, claim)) return null
      const record = await findRecord(tx, claim.principal, claim.key)
      if (!record) return null
      return { hash: record.request_hash, body: record.body === null ? null : keys.unseal(record.body) }
    },
    async store(tx, claim, body) {
      await updateRecord(tx, claim.principal, claim.key, keys.seal(body))
    },
  }
}
