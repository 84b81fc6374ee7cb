/** Slows down guessing: failed logins are counted in the database by account and by address. Only failures count. */
import { emailKey } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { networkOf } from '#core/platform/network-of.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import {
  FAILURE_MEMORY_SECONDS,
  type FailureCount,
  failureDelay,
  judgeAttempt,
  sha256Hex,
  type Throttle,
} from '../rules.ts'
import {
  addFailure,
  dropAccountFailures,
  dropFailures,
  isKnownAddress,
  listFailures,
  setBlocked,
} from './queries.ts'

/** One attempt to log in. The address typed in is kept as a digest: it may be anybody's, or a password. */
export interface Attempt {
  readonly subjects: Readonly<Record<Throttle, string>>
  /** Somebody got into this account from this address before. */
  readonly isKnownAddress: boolean
}

/** Looks an attempt up. @throws 429 rate_limited with Retry-After while it has to wait */
export async function openAttempt(ctx: RegistryContext, key: string, address: string): Promise<Attempt> {
  const email = sha256Hex(key)
  const subjects = {
    account: `account:${email}`,
    known: `known:${email}:${address}`,
    address: `address:${networkOf(address)}`,
  }
  const known = await isKnownAddress(ctx.db, key, address)
  const rows = await listFailures(ctx.db, Object.values(subjects), FAILURE_MEMORY_SECONDS, ctx.time)
  const countOf = (subject: string): FailureCount => {
    const row = rows.find((one) => one.subject === subject)
    return { failures: row?.failures ?? 0, waitSeconds: row?.wait_seconds ?? 0 }
  }
  const wait = judgeAttempt({
    account: countOf(subjects.account),
    known: countOf(subjects.known),
    address: countOf(subjects.address),
    isKnownAddress: known,
  })
  if (wait > 0) throw slowDown(wait)
  return { subjects, isKnownAddress: known }
}

/** Counts a failure. @returns the refusal, 429 rate_limited once there are too many */
export async function failAttempt(ctx: RegistryContext, attempt: Attempt, refusal: Error): Promise<Error> {
  const counted: Throttle[] = [attempt.isKnownAddress ? 'known' : 'account', 'address']
  const wait = await ctx.db.transaction(async (tx) => {
    let longest = 0
    for (const throttle of counted) {
      const subject = attempt.subjects[throttle]
      const delay = failureDelay(throttle, await addFailure(tx, subject, FAILURE_MEMORY_SECONDS, ctx.time))
      if (delay > 0) await setBlocked(tx, subject, delay, ctx.time)
      longest = Math.max(longest, delay)
    }
    return longest
  })
  return wait > 0 ? slowDown(wait) : refusal
}

/** Forgets the failures that a success has explained; those of the address stay. */
export async function passAttempt(tx: Transaction, attempt: Attempt): Promise<void> {
  await dropFailures(tx, [attempt.subjects[attempt.isKnownAddress ? 'known' : 'account']])
}

/** Forgets all failures at an account: whoever set a new password has shown to be its owner. */
export async function forgetFailures(tx: Transaction, email: string): Promise<void> {
  await dropAccountFailures(tx, sha256Hex(emailKey(email)))
}

function slowDown(seconds: number): Error {
  const wait = Math.max(1, Math.ceil(seconds))
  return fail('rate_limited', `Too many failed logins; try again in ${wait} s.`, {
    headers: { 'retry-after': String(wait) },
  })
}
