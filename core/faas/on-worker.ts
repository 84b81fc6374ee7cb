/** Functions, tasks and reactors on Workers-style hosts, where sockets and promises belong to one request. */
import type { Resources } from '#core/platform/context.ts'
import type { App } from '#core/runtime/compose-app.ts'
import { answerOnWorker } from '#core/runtime/to-worker.ts'
import type { Job } from './on-lambda.ts'
import type { Opened, Platform } from './platform.ts'

/** What such a host hands to each event beside its bindings. */
export interface WorkerCall {
  waitUntil(work: Promise<unknown>): void
}
export type Bindings = Readonly<Record<string, unknown>>
type Open<R> = (platform: Platform) => Promise<Opened<R>>

/** Connections of one request: it does one thing at a time. */
const CONNECTIONS = 1

const platformOf = (env: Bindings, call: WorkerCall, write: (line: string) => void): Platform => ({
  source: env,
  write,
  background: (work) => call.waitUntil(work.catch(() => undefined)),
  connections: CONNECTIONS,
})

/** A door: opened for each request and closed behind it. @param write takes a line of the log (console.log) */
export function workerDoor<R>(
  open: Open<R>,
  compose: (opened: Opened<R>) => App,
  write: (line: string) => void,
) {
  return {
    fetch: async (request: Request, env: Bindings, call: WorkerCall): Promise<Response> => {
      const work: Promise<unknown>[] = []
      // What the answer does not wait for needs the connection as long as it lasts.
      const platform = platformOf(env, { waitUntil: (one) => void work.push(one) }, write)
      const opened = await open(platform)
      const response = await answerOnWorker(compose(opened), request)
      const close = () => Promise.all(work).then(() => opened.close())
      if (!isEndless(response)) {
        call.waitUntil(close())
        return response
      }
      const { body, ended } = watchEnd(response.body as ReadableStream<Uint8Array>)
      call.waitUntil(ended.then(close))
      return new Response(body, response)
    },
  }
}

const isEndless = ({ headers, body }: Response): boolean =>
  body !== null && headers.get('content-type')?.startsWith('text/event-stream') === true

/** The same stream, and when it has ended or its reader has left. */
function watchEnd(from: ReadableStream<Uint8Array>) {
  const through = new TransformStream<Uint8Array, Uint8Array>()
  const ended = from.pipeTo(through.writable).catch(() => undefined)
  return { body: through.readable, ended }
}

/** What a cron trigger wakes. It throws on failure, so that the host counts it as failed. */
export function workerJob<R extends Pick<Resources, 'random'>>(
  open: Open<R>,
  job: Job<R>,
  write: (line: string) => void,
) {
  return {
    async scheduled(_controller: unknown, env: Bindings, call: WorkerCall): Promise<void> {
      const opened = await open(platformOf(env, call, write))
      const ending = new AbortController()
      try {
        const holder = `worker/${Buffer.from(opened.resources.random(6)).toString('hex')}`
        await job(opened, { signal: ending.signal, holder })
      } finally {
        ending.abort(new Error('The timer’s work is over'))
        await opened.close()
      }
    },
  }
}
