/** E-mail addresses: one shape and the keys that compare them. */
import { z } from 'zod'

export const EMAIL_MAX = 254

/** An address in a request: ASCII, at most 254 characters, at most 64 before the @. */
export const EmailIn = z
  .email('must be an e-mail address')
  .max(EMAIL_MAX)
  .refine((text) => text.indexOf('@') <= 64, 'must have at most 64 characters before the @')

/** What logins and uniqueness compare: the address in lower case. */
export const emailKey = (email: string): string => email.toLowerCase()

/** The address without what many servers ignore: the tag after a plus. */
export function untagged(email: string): string {
  const at = email.lastIndexOf('@')
  return emailKey(`${email.slice(0, at).replace(/\+.*$/s, '')}${email.slice(at)}`)
}
