/** Functions, tasks and reactors as handlers of AWS Lambda: opened once for an instance, with one connection. */
import type { Context as LambdaContext } from 'aws-lambda'
import type { App } from '#core/runtime/compose-app.ts'
import type { TimerResult } from '#core/runtime/run-timer.ts'
import { type HttpHandler, type StreamRuntime, toLambda, toLambdaStream } from '#core/runtime/to-lambda.ts'
import type { Opened, Platform } from './platform.ts'
import { readSstLinks } from './read-sst-links.ts'

/** What the entry hands in: the process. */
export interface LambdaHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown }
}

type Open<R> = (platform: Platform) => Promise<Opened<R>>

/** Work beside an answer gets this long: an instance is frozen with its answer. */
const BACKGROUND_MS_MAX = 1_000
/** Left of an instance's time for recording what was interrupted. */
const LAST_WORDS_MS = 5_000

/** Background work of an instance, ended before the instance is frozen. */
function openBackground() {
  const pending = new Set<Promise<unknown>>()
  return {
    add(work: Promise<unknown>) {
      const kept: Promise<unknown> = work.catch(() => undefined).finally(() => pending.delete(kept))
      pending.add(kept)
    },
    async settle() {
      if (pending.size === 0) return
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, BACKGROUND_MS_MAX)
      })
      await Promise.race([Promise.all(pending), late])
      clearTimeout(timer)
    },
  }
}

function openInstance<R>(open: Open<R>, host: LambdaHost) {
  const background = openBackground()
  let opened: Promise<Opened<R>> | undefined
  return {
    settle: background.settle,
    open() {
      opened ??= openWith(open, host, background.add).catch((error) => {
        opened = undefined
        throw error
      })
      return opened
    },
  }
}

/** Asynchronous, so that links that can't be opened fail the request and are tried again with the next. */
async function openWith<R>(open: Open<R>, host: LambdaHost, background: Platform['background']) {
  return open({
    source: { ...readSstLinks(host.env), ...host.env },
    write: (line) => void host.stdout.write(`${line}\n`),
    background,
    connections: 1,
  })
}

/** A door behind any HTTP gateway. */
export function lambdaDoor<R>(
  open: Open<R>,
  compose: (opened: Opened<R>) => App,
  host: LambdaHost,
): HttpHandler {
  const instance = openInstance(open, host)
  const handle = toLambda(async () => compose(await instance.open()))
  return async (event) => {
    const result = await handle(event)
    await instance.settle()
    return result
  }
}

/** A door behind a function URL that streams. @param runtime the global `awslambda` */
export function lambdaStream<R>(
  open: Open<R>,
  compose: (opened: Opened<R>) => App,
  host: LambdaHost,
  runtime: StreamRuntime,
): unknown {
  const instance = openInstance(open, host)
  return toLambdaStream(async () => compose(await instance.open()), runtime)
}

/** What a timer wakes: a task or a reactor. */
export type Job<R> = (
  opened: Opened<R>,
  call: { signal: AbortSignal; holder: string },
) => Promise<TimerResult>

/**
 * A timer's handler. Whatever fails fails the invocation, so that retries, the dead-letter queue and alarms see it. The
 * event itself is not looked at: what is due stands in the database.
 */
export function lambdaJob<R>(open: Open<R>, job: Job<R>, host: LambdaHost) {
  const instance = openInstance(open, host)
  return async (
    _event: unknown,
    context: Pick<LambdaContext, 'getRemainingTimeInMillis' | 'awsRequestId'>,
  ): Promise<TimerResult> => {
    const ending = new AbortController()
    const leftMs = Math.max(0, context.getRemainingTimeInMillis() - LAST_WORDS_MS)
    const timer = setTimeout(() => ending.abort(new Error('The time of the instance is over')), leftMs)
    try {
      const holder = `lambda/${context.awsRequestId}`
      return await job(await instance.open(), { signal: ending.signal, holder })
    } finally {
      clearTimeout(timer)
      await instance.settle()
    }
  }
}
