/** Watches a credential that holds a stream open: a session that expires or a key that is revoked ends it. */
import { type Caller, principalOf } from '#core/base/caller.ts'

/** True when a credential still stands for the same principal with the same roles and scopes. */
export function sameRights(before: Caller, now: Caller | null): boolean {
  if (now === null || principalOf(before) !== principalOf(now)) return false
  const rights = (caller: Caller) =>
    JSON.stringify(['roles' in caller ? caller.roles : null, 'scopes' in caller ? caller.scopes : null])
  return rights(before) === rights(now)
}

export interface WatchSpec {
  readonly token: string
  /** True while the credential is good. A rejection (database away) is no verdict: it is asked again. */
  readonly check: () => Promise<boolean>
  readonly onEnd: () => void
  /** Milliseconds between checks. */
  readonly everyMs?: number
  readonly now: () => Date
}

const EVERY_MS = 60_000
/** An expired token that is still found good (another clock) must not be asked about all the time. */
const LEAST_MS = 1000

/** Starts to watch. @returns a function that ends it */
export function watchCredential(spec: WatchSpec): () => void {
  const every = spec.everyMs ?? EVERY_MS
  const expiry = expiryOf(spec.token)
  let ended = false
  let timer: NodeJS.Timeout
  const schedule = () => {
    const left = expiry === null ? every : Math.max(LEAST_MS, expiry - spec.now().getTime() + 1)
    timer = setTimeout(look, Math.min(every, left))
    timer.unref()
  }
  const look = async () => {
    let good = true
    try {
      good = await spec.check()
    } catch {
      // No verdict: the next look decides, unless the token has said itself that it is over.
      good = expiry === null || expiry > spec.now().getTime()
    }
    if (ended) return
    if (good) return schedule()
    ended = true
    spec.onEnd()
  }
  schedule()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

/** The `exp` of a JWT in milliseconds; null for keys. Only a hint for the timer: the check decides. */
function expiryOf(token: string): number | null {
  const payload = token.split('.')[1]
  if (payload === undefined) return null
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : null
  } catch {
    return null
  }
}
