/** Tells from an error of the network whether anything can have left this process. */

/** Failures before anything was sent. */
const UNSENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

/** True when an error says that surely nothing was sent. */
export function wasUnsent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (UNSENT.test((at as { code?: string }).code ?? '')) return true
    // Several addresses of one name, each tried.
    if (at instanceof AggregateError && at.errors.length > 0) return at.errors.every(wasUnsent)
  }
  return false
}
