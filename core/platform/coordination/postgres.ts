/** Coordination in the database that all instances share, for functions that have no way to a Redis. */
import type { Resources } from '../context.ts'
import { refuseInsideTransaction } from '../database/scope.ts'
import { keepLeases } from '../tasks/keep-leases.ts'
import { CACHE_VALUE_BYTES_MAX, COORDINATION_CALL, type Coordination } from './coordination.ts'
import { gcraPace, gcraVerdict } from './gcra.ts'
import { openInProcess } from './in-process.ts'
import {
  countMark,
  dropOldMarks,
  dropOldTexts,
  dropText,
  findText,
  keepText,
  ping,
} from './postgres-queries.ts'

/** One call in so many tidies up behind all of them. */
const TIDY_EVERY = 256

/**
 * Opens it. Limits, leases and the cache are one for all instances. Hints reach this instance only: whoever waits for
 * another's finds its work in the database, by polling, a little later.
 */
export function openPostgresCoordination(
  base: Pick<Resources, 'db' | 'clock' | 'random' | 'log'>,
): Coordination {
  const { clock } = base
  // A statement of nobody's call: it must not end with the request that happened to need it.
  const db = base.db.unbound
  const leases = keepLeases({ db, clock })
  const local = openInProcess()
  const call = <T>(work: () => Promise<T>): Promise<T> => {
    refuseInsideTransaction(COORDINATION_CALL)
    return work()
  }
  const tidy = async (drop: () => Promise<unknown>): Promise<void> => {
    if (base.random(1)[0] !== 0) return
    await drop().catch((error) =>
      base.log.warn({ error, count: TIDY_EVERY }, 'old marks could not be removed'),
    )
  }
  return {
    kind: 'postgres',
    acquireLease: async (name, token, ttlMs) => call(() => leases.acquireLease(name, token, ttlMs)),
    async renewLease(name, token, ttlMs) {
      return call(async () => {
        // Taking would give a lapsed lease to its old holder again; who renews must still have it.
        const free = await leases.freeLeases([name])
        return free.length > 0 ? 'lost' : leases.renewLease(name, token, ttlMs)
      })
    },
    releaseLease: async (name, token) => call(() => leases.releaseLease(name, token)),
    freeLeases: async (names) => call(() => leases.freeLeases(names)),
    async limitRate(key, limit, windowMs) {
      return call(async () => {
        const { step, burst } = gcraPace(limit, windowMs)
        const [mark] = await countMark(db, key, step, burst, clock.fixed)
        if (!mark) throw new Error('a request was not counted')
        const ahead = Number(mark.at - mark.now)
        await tidy(() => dropOldMarks(db, clock.fixed))
        return mark.allowed
          ? gcraVerdict(true, Math.floor((burst - ahead) / step), ahead, false)
          : gcraVerdict(false, ahead + step - burst, ahead, false)
      })
    },
    publish: async (channel, message) => call(() => local.publish(channel, message)),
    subscribe: async (channel, listener) => call(() => local.subscribe(channel, listener)),
    async cacheGet(key) {
      return call(async () => {
        const [row] = await findText(db, key, clock.fixed)
        return row ? Buffer.from(row.value).toString('utf8') : null
      })
    },
    async cacheSet(key, value, ttlMs) {
      return call(async () => {
        const bytes = Buffer.from(value)
        if (bytes.length > CACHE_VALUE_BYTES_MAX || ttlMs <= 0) await dropText(db, key)
        else await keepText(db, key, new Uint8Array(bytes), ttlMs, clock.fixed)
        await tidy(() => dropOldTexts(db, clock.fixed))
      })
    },
    ping: async () =>
      call(() =>
        ping(db).then(
          () => true,
          () => false,
        ),
      ),
    isShared: () => true,
    close: () => local.close(),
  }
}
