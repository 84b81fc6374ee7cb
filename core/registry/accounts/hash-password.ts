/** Passwords: argon2id, two at a time in a process, the others in a bounded queue. */
import { type Algorithm, hash, verify } from '@node-rs/argon2'
import { refuseInsideTransaction } from '#core/platform/database/scope.ts'
import { fail } from './errors.ts'

/** OWASP's minimum (password storage cheat sheet): 19 MiB, two passes. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
/** `Algorithm.Argon2id`; the package's const enum can't be imported as a value. */
const ARGON2ID: Algorithm.Argon2id = 2
export const HASHES_AT_ONCE = 2
/** About ten seconds of waiting on a slow machine. */
export const HASHES_WAITING_MAX = 256

/** A hash of no password at all: unknown accounts cost as much time as known ones. */
const DUMMY_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

/** A PHC string of the password. @throws 503 overloaded */
export function hashPassword(password: string): Promise<string> {
  return gate(() => hash(normal(password), { ...cost, algorithm: ARGON2ID }))
}

/** Whether a password is right; no hash (null, or '' of a deleted account) takes the same time and is never right. @throws 503 overloaded */
export async function verifyPassword(stored: string | null, password: string): Promise<boolean> {
  const right = await gate(() => verify(stored || DUMMY_HASH, normal(password)))
  return right && Boolean(stored)
}

/** True when a stored hash was made at a lower cost than today's. */
export const isOutdated = (stored: string): boolean => !stored.startsWith('$argon2id$v=19$m=19456,t=2,p=1$')

/** One password, however a keyboard composes its letters. */
const normal = (password: string): string => password.normalize('NFC')

const waiting: (() => void)[] = []
let running = 0

async function gate<T>(work: () => Promise<T>): Promise<T> {
  refuseInsideTransaction('Hashing a password')
  if (running >= HASHES_AT_ONCE) {
    if (waiting.length >= HASHES_WAITING_MAX)
      throw fail('overloaded', 'Too many passwords are being checked; nothing was done.', {
        headers: { 'retry-after': '2' },
      })
    await new Promise<void>((resolve) => waiting.push(resolve))
  } else running++
  try {
    return await work()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}
