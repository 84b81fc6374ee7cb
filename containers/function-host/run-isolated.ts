/** Runs tasks in threads of their own: what computes for long there blocks neither requests nor leases here. */
import { type ResourceLimits, Worker } from 'node:worker_threads'
import type { Config } from '#core/platform/config.ts'
import type { Resources } from '#core/platform/context.ts'
import type { RegistryResources } from '#core/registry/context.ts'
import type { RunKey, ScheduleDeps } from '#core/runtime/schedule-deps.ts'
import { packError, type ThreadData, type Told, unpackError } from './task-thread-messages.ts'

export interface IsolationParts {
  readonly config: Config
  readonly db: Pick<Resources['db'], 'kind'>
  /** Hints of the thread for the background work of this process. */
  readonly wake: RegistryResources['wake']
  /** What a thread begins with; default: isolated-task.ts. */
  readonly entry?: URL
  /** Memory that one thread may take. */
  readonly memoryMb?: number
}

export interface Isolation {
  readonly run: NonNullable<ScheduleDeps<never>['isolated']>
  /** Resolves when no thread is left: those whose run has ended are given a moment to close what they have open. */
  close(): Promise<void>
}

const ENTRY = new URL('./isolated-task.ts', import.meta.url)
const MEMORY_MB = 512
const YOUNG_MB = 64
/** For a thread to end after it was told to; below the grace of run-once.ts, so that a run is recorded when it is over. */
const END_MS = 2_000
/** For a thread to close what it has open after its answer. */
const CLOSE_MS = 2_000

/**
 * Null where a thread can't have what the process has: an embedded database and a TEG in the process serve one thread.
 * Each task has one thread at a time: the next waits until the one before is gone.
 */
export function openIsolation(parts: IsolationParts): Isolation | null {
  if (parts.db.kind !== 'pg' || !parts.config.DATABASE_URL || !parts.config.TEG_URL) return null
  const threads = new Map<string, Promise<void>>()
  return {
    run(run, signal) {
      const answer = Promise.withResolvers<Readonly<Record<string, number>>>()
      const before = threads.get(run.task) ?? Promise.resolve()
      const gone = before.then(() => (signal.aborted ? undefined : startThread(parts, run, signal, answer)))
      const ended = gone.catch(answer.reject).then(() => {
        // Without an answer the thread has crashed, or was ended.
        answer.reject(
          signal.aborted ? signal.reason : new Error('the thread of the task ended without an answer'),
        )
        if (threads.get(run.task) === ended) threads.delete(run.task)
      })
      threads.set(run.task, ended)
      return answer.promise
    },
    async close() {
      await Promise.all(threads.values())
    },
  }
}

/** Starts the thread of one run. @returns when it is gone */
function startThread(
  parts: IsolationParts,
  run: RunKey,
  signal: AbortSignal,
  answer: PromiseWithResolvers<Readonly<Record<string, number>>>,
): Promise<void> {
  const workerData: ThreadData = { config: parts.config, run }
  const resourceLimits: ResourceLimits = {
    maxOldGenerationSizeMb: parts.memoryMb ?? MEMORY_MB,
    maxYoungGenerationSizeMb: YOUNG_MB,
  }
  const worker = new Worker(parts.entry ?? ENTRY, { workerData, resourceLimits, name: `task:${run.task}` })
  let limit: NodeJS.Timeout | undefined
  const endWithin = (milliseconds: number) => {
    limit ??= setTimeout(() => void worker.terminate(), milliseconds)
  }
  const onAbort = () => {
    worker.postMessage({ abort: packError(signal.reason) })
    endWithin(END_MS)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  worker.on('message', (told: Told) => {
    if (told.what === 'wake') return parts.wake(told.hint)
    if (told.what === 'done') answer.resolve(told.counts)
    else answer.reject(unpackError(told.error))
    endWithin(CLOSE_MS)
  })
  worker.on('error', answer.reject)
  return new Promise((resolve) => {
    worker.once('exit', () => {
      clearTimeout(limit)
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
