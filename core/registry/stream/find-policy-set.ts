/** Finds the emission policies in force: what the relay writes under from now on. */
import type { Queryable } from '#core/platform/database/database.ts'
import { type PolicySetRow, selectPolicySet } from './policy-queries.ts'

export type { PolicySetRow }

/** The newest set; undefined where there has never been one. */
export const findPolicySet = (on: Queryable): Promise<PolicySetRow | undefined> => selectPolicySet(on)
