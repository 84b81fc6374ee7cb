/** Rules of accounts: secrets and their digests, ages of tokens, the delay after failed logins. */
import { hash } from 'node:crypto'

export const PASSWORD_MIN = 12
export const PASSWORD_MAX = 1024
export const DISPLAY_NAME_MAX = 100

export const ACCESS_SECONDS = 900
/** A refresh token not used for so long is dead. */
export const REFRESH_SECONDS = 30 * 86_400
/** A session ends after so long, however often it is refreshed. */
export const SESSION_SECONDS = 90 * 86_400
export const VERIFY_SECONDS = 86_400
export const RESET_SECONDS = 1800

export const sha256Hex = (text: string): string => hash('sha256', text, 'hex')

/** A secret of 256 bits behind a readable prefix. */
export const makeSecret = (prefix: string, random: (size: number) => Uint8Array): string =>
  `${prefix}${Buffer.from(random(32)).toString('base64url')}`

/** The token of a mail: 192 bits, short enough that its link stays on one line. */
export const makeMailToken = (random: (size: number) => Uint8Array): string =>
  Buffer.from(random(24)).toString('base64url')

/** How much of a key a list shows: enough to recognise it, not to use it. */
export const prefixOf = (secret: string): string => secret.slice(0, 12)

/** The identity for genesis grants, one each: a digest, so that it may outlive a deleted account. */
export const grantKey = (untaggedEmail: string): string => sha256Hex(`grant:${untaggedEmail}`)

/** Failures that are free, and the longest delay, by what is counted. */
export const throttles = {
  /** Guesses at one account from addresses that never got in. */
  account: { free: 5, delayMaxSeconds: 900 },
  /** Guesses at one account from an address that got in before: its owner is slowed down, never kept waiting first. */
  known: { free: 5, delayMaxSeconds: 60 },
  /** Guesses from one address at whatever account. */
  address: { free: 50, delayMaxSeconds: 900 },
} as const
export type Throttle = keyof typeof throttles
/** Guesses from a known address that are looked at, whatever the delay; beyond it they wait like anybody's. */
export const KNOWN_FAILURES_MAX = 100
/** Failures are forgotten when none was added for so long. */
export const FAILURE_MEMORY_SECONDS = 86_400

/** Seconds that the next attempt should wait after `failures`: none at first, then 1, 2, 4, ... */
export function failureDelay(throttle: Throttle, failures: number): number {
  const { free, delayMaxSeconds } = throttles[throttle]
  if (failures <= free) return 0
  return Math.min(delayMaxSeconds, 2 ** Math.min(failures - free - 1, 30))
}

export interface FailureCount {
  readonly failures: number
  /** Seconds that are left of the delay; 0: none. */
  readonly waitSeconds: number
}

/**
 * Whether the password of an attempt is looked at, or how long to wait.
 * An address that got in before is looked at even during a delay, and so is the first attempt at an account from a
 * crowded address: failures of others never keep a rightful login out.
 * @returns seconds to wait; 0: look at it
 */
export function judgeAttempt(state: {
  account: FailureCount
  known: FailureCount
  address: FailureCount
  isKnownAddress: boolean
}): number {
  if (state.isKnownAddress) return state.known.failures >= KNOWN_FAILURES_MAX ? state.known.waitSeconds : 0
  const crowded = state.account.failures > 0 ? state.address.waitSeconds : 0
  return Math.max(state.account.waitSeconds, crowded)
}
