/** Appends facts to the journal: fixes index, bytes, salt and policy version; whatever is read or told later is this. */
import { applyPolicies, noPolicies } from '#core/base/emission-policy.ts'
import { SALT_BYTES } from '#core/base/tlog/commitment.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import type { Ground } from './life-queries.ts'
import { advanceHead, insertJournal, type NewJournalRow } from './queries.ts'
import { type Fact, writeEnvelope } from './rules.ts'

/** A fact on its way into the journal. */
export interface Arrival {
  readonly source: string
  readonly number: bigint
  readonly fact: Fact
  readonly audience: readonly string[] | null
  readonly parties: readonly string[] | null
}

/** The journal must be locked, and the ground read under the lock. What is written travels with the commit. */
export function appendJournal(
  tx: Transaction,
  ctx: RegistryContext,
  { head: before, version: newest, policies }: Pick<Ground, 'head' | 'version' | 'policies'>,
  arrivals: readonly Arrival[],
): { moved: number; head: bigint } {
  const set = newest !== null && policies !== null ? { version: newest, policies } : noPolicies
  advanceHead(tx, arrivals.length)
  const rows = arrivals.map(({ source, number, fact, audience, parties }, i): NewJournalRow => {
    const salt = ctx.random(SALT_BYTES)
    const { data, targets, redacted, sampledRate } = applyPolicies(set.policies, fact, salt)
    const version = Number(set.version)
    return {
      index: before + BigInt(i) + 1n,
      id: fact.id,
      source,
      sourcesequence: number,
      type: fact.type,
      subject: fact.subject,
      time: fact.time,
      envelope: writeEnvelope(source, number, { ...fact, data }, { version, redacted, sampledRate }),
      audience,
      parties,
      salt,
      policyversion: version,
      targets,
    }
  })
  insertJournal(tx, rows, ctx.time)
  return { moved: rows.length, head: before + BigInt(rows.length) }
}
