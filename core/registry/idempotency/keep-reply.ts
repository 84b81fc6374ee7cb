/** The store of recorded replies, sealed because some hold a secret that is shown once. */
import { fail } from '#core/base/errors.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { IdempotencyStore } from '#core/platform/idempotency.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { boundLockWait, findRecord, insertClaim, updateRecord } from './queries.ts'

/** How long a repeat waits for the first request's transaction to end. */
const WAIT_MS = 5000
/** The first attempt can lose to retention, which removes the record between the two statements. */
const ATTEMPTS = 2

/** Makes the store that the runtime uses for `ctx.once`. */
export function keepReplies(keys: KeyRing, waitMs = WAIT_MS): IdempotencyStore {
  return {
    async claim(tx, claim) {
      boundLockWait(tx, waitMs)
      // Sealed, too: a plain digest of a request with a password could be guessed at.
      const record = await claimOrFind(tx, { ...claim, hash: keys.seal(claim.hash) })
      boundLockWait(tx, 0)
      if (!record) return null
      return {
        hash: keys.unseal(record.request_hash),
        body: record.body === null ? null : keys.unseal(record.body),
      }
    },
    async store(tx, claim, body) {
      updateRecord(tx, claim.principal, claim.key, keys.seal(body))
    },
  }
}

type Claim = Parameters<typeof insertClaim>[1]

/** The record of a used key; null when the key is claimed now. @throws 409 idempotency_in_flight */
async function claimOrFind(tx: Transaction, claim: Claim) {
  const inFlight = () => fail('idempotency_in_flight', undefined, { headers: { 'retry-after': '1' } })
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const claimed = await insertClaim(tx, claim).catch((error) => {
      throw (error as { code?: string }).code === LOCK_NOT_AVAILABLE ? inFlight() : error
    })
    if (claimed) return null
    const record = await findRecord(tx, claim.principal, claim.key)
    if (record) return record
  }
  throw inFlight()
}

const LOCK_NOT_AVAILABLE = '55P03'
