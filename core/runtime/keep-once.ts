/** Idempotency of commands that do not end in the gate: the reply is recorded in the command's own transaction. */
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { fail } from '#core/base/errors.ts'
import type { Database, Transaction } from '#core/platform/database/database.ts'
import type { IdempotencyStore } from '#core/platform/idempotency.ts'

/** A digest of what was asked: method, route, path, query and body. */
export function hashRequest(method: string, path: string, search: string, raw: unknown): string {
  const text = `${method} ${path}${search}\n${canonicalize(raw ?? null) ?? ''}`
  return createHash('sha256').update(text).digest('hex')
}

export interface Once {
  run: <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>
  replayed: () => boolean
}

/**
 * Makes `ctx.once`. Without key or store it is a plain transaction.
 * @throws 422 idempotency_key_reused for another request under a used key
 */
export function makeOnce(
  db: () => Database,
  store: IdempotencyStore | null,
  claim: { principal: string; key: string; hash: () => string; time: Date | null } | null,
): Once {
  let replayed = false
  return {
    replayed: () => replayed,
    run: (work) =>
      db().transaction(async (tx) => {
        if (!claim || !store) return work(tx)
        const { principal, key, time } = claim
        const hash = claim.hash()
        const before = await store.claim(tx, { principal, key, hash, time })
        if (before) {
          if (before.hash !== hash) throw fail('idempotency_key_reused')
          replayed = true
          return JSON.parse(before.body ?? 'null')
        }
        const reply = await work(tx)
        await store.store(tx, { principal, key }, JSON.stringify(reply ?? null))
        return reply
      }),
  }
}
