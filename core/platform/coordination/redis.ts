/** Coordination on Redis: an answer comes within the command timeout, whatever state Redis is in. */
import { createHash } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { refuseInsideTransaction } from '../database/scope.ts'
import type { Log } from '../log.ts'
import { openBreaker } from './breaker.ts'
import { CACHE_VALUE_BYTES_MAX, COORDINATION_CALL, type Coordination, type Renewal } from './coordination.ts'
import { gcraPace, gcraScript, gcraVerdict } from './gcra.ts'
import { openLimiter, partOf } from './in-process.ts'
import { openSubscriber } from './redis-subscriber.ts'

const BREAKER_PAUSE_MS = 1000
const RETRY_DELAY_MS_MAX = 1000
/** A connection on which commands wait and nothing comes is dead, even if TCP has not noticed. */
const SILENCE_MS = 1000

export interface RedisCoordinationOptions {
  url: string
  /** Processes that share the limits: without Redis each allows its part. */
  workers: number
  log: Log
  /** Spreads retries of many workers; without it all pause alike. */
  random?: (size: number) => Uint8Array
  /** Called for every answer that was given without Redis. */
  onFallback?: () => void
  /** Put before every key and channel. */
  prefix?: string
  connectTimeoutMs?: number
  commandTimeoutMs?: number
}

interface Script {
  readonly text: string
  readonly sha: string
}
const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') })

const acquire = script(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)
const renew = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)
const release = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
const limit = script(gcraScript)

/** Opens it; waits for the first connection as long as one attempt may last, then goes on without. Never rejects. */
export async function openRedis(options: RedisCoordinationOptions): Promise<Coordination> {
  const { url, log, prefix = 'ninefold:', workers, onFallback } = options
  const random = () => (options.random ? Buffer.from(options.random(2)).readUInt16BE() / 65536 : 0)
  const common: RedisOptions = {
    connectTimeout: options.connectTimeoutMs ?? 200,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    // A command whose answer was lost may have been done: doing it again is the caller's decision.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) =>
      Math.round(Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_DELAY_MS_MAX) * (1 - random() / 2)),
    reconnectOnError: (error) => /^READONLY/.test(error.message),
    keepAlive: 5000,
    disableClientInfo: true,
  }
  const client = new Redis(url, {
    ...common,
    commandTimeout: options.commandTimeoutMs ?? 150,
    socketTimeout: SILENCE_MS,
  })
  const unwatch = watch(client, log)
  const ear = new Redis(url, { ...common, autoResubscribe: false, commandTimeout: SILENCE_MS })
  const subscriber = openSubscriber(ear)
  const breaker = openBreaker({
    pauseMs: BREAKER_PAUSE_MS,
    random,
    monotonic: () => performance.now(),
    isOutage: (error) =>
      (error as Error).name !== 'ReplyError' ||
      /^(LOADING|BUSY|READONLY|MASTERDOWN)/.test(String((error as Error).message)),
  })
  const local = openLimiter()
  const call = <T>(work: () => Promise<T>, otherwise: () => T): Promise<T> => {
    refuseInsideTransaction(COORDINATION_CALL)
    return breaker.call(work, () => {
      onFallback?.()
      return otherwise()
    })
  }
  const run = async (code: Script, key: string, ...args: (string | number)[]): Promise<unknown> => {
    try {
      return await client.evalsha(code.sha, 1, prefix + key, ...args)
    } catch (error) {
      if (!/^NOSCRIPT/.test((error as Error).message)) throw error
      return client.eval(code.text, 1, prefix + key, ...args)
    }
  }
  const patience = (options.connectTimeoutMs ?? 200) * 2
  await Promise.all([firstAttempt(client, patience), firstAttempt(ear, patience)])

  return {
    kind: 'redis',
    acquireLease: (name, token, ttlMs) =>
      call(
        async () => (await run(acquire, `lease:${name}`, token, Math.ceil(ttlMs))) === 1,
        () => false,
      ),
    renewLease: (name, token, ttlMs) =>
      call<Renewal>(
        async () => ((await run(renew, `lease:${name}`, token, Math.ceil(ttlMs))) === 1 ? 'held' : 'lost'),
        () => 'unknown',
      ),
    releaseLease: (name, token) =>
      call(
        async () => void (await run(release, `lease:${name}`, token)),
        () => undefined,
      ),
    freeLeases: (names) =>
      call<readonly string[] | null>(
        async () => {
          const holders = await client.mget(names.map((name) => `${prefix}lease:${name}`))
          return names.filter((_, i) => holders[i] === null)
        },
        () => null,
      ),
    limitRate(key, most, windowMs) {
      const { step, burst } = gcraPace(most, windowMs)
      return call(
        async () => {
          const [allowed, count, reset] = (await run(limit, `rate:${key}`, step, burst)) as [
            number,
            number,
            number,
          ]
          return gcraVerdict(allowed === 1, count, reset, false)
        },
        () => ({ ...local(key, partOf(most, workers), windowMs), degraded: true }),
      )
    },
    publish: (channel, message) =>
      call(
        async () => void (await client.publish(prefix + channel, message)),
        () => undefined,
      ),
    async subscribe(channel, listener) {
      refuseInsideTransaction(COORDINATION_CALL)
      return subscriber.subscribe(prefix + channel, listener)
    },
    cacheGet: (key) =>
      call<string | null>(
        () => client.get(`${prefix}cache:${key}`),
        () => null,
      ),
    cacheSet: (key, value, ttlMs) =>
      call(
        async () => {
          const fits = Buffer.byteLength(value) <= CACHE_VALUE_BYTES_MAX && ttlMs > 0
          if (fits) await client.set(`${prefix}cache:${key}`, value, 'PX', Math.ceil(ttlMs))
          else await client.del(`${prefix}cache:${key}`)
        },
        () => undefined,
      ),
    // Asks Redis itself, past the breaker: health must see a recovery at once.
    async ping() {
      refuseInsideTransaction(COORDINATION_CALL)
      return client.ping().then(
        () => true,
        () => false,
      )
    },
    isShared: () => !breaker.isOpen(),
    async close() {
      unwatch()
      await subscriber.close()
      await client.quit().catch(() => undefined)
      client.disconnect()
    },
  }
}

/**
 * Tells the log once when Redis goes away and once when it is back; ioredis retries by itself.
 * @returns a function that ends it: a connection that we close is not Redis going away
 */
function watch(client: Redis, log: Log): () => void {
  let watching = true
  let up: boolean | null = null
  let last: unknown
  client.on('error', (error) => {
    last = error
    if (up === null) tell()
  })
  client.on('close', () => {
    if (up && watching) tell()
  })
  client.on('ready', () => {
    if (up !== true) log.info({}, 'Redis answers')
    up = true
  })
  const tell = () => {
    up = false
    log.warn({ error: last }, 'Redis is away: rate limits are local, leases pause')
  }
  return () => {
    watching = false
  }
}

function firstAttempt(client: Redis, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    client.once('ready', done)
    client.once('close', done)
  })
}
