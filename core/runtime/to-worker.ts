/** Puts an application on a Workers-style runtime. */
import type { App } from './compose-app.ts'

export interface WorkerModule<E> {
  fetch(request: Request, env: E): Promise<Response>
}

/**
 * The default export of a Worker. `load` composes the application of the bindings on the first request of an isolate
 * (randomness and timers are forbidden before), and again when it failed.
 */
export function toWorker<E>(load: (env: E) => Promise<Pick<App, 'fetch'>>): WorkerModule<E> {
  let app: Promise<Pick<App, 'fetch'>> | undefined
  return {
    async fetch(request, env) {
      app ??= load(env).catch((error) => {
        app = undefined
        throw error
      })
      return answerOnWorker(await app, request)
    },
  }
}

/** One request, with what such a host knows of its client. */
export async function answerOnWorker(app: Pick<App, 'fetch'>, request: Request): Promise<Response> {
  return app.fetch(request, {
    // Set by the edge on every request; a client can't.
    address: request.headers.get('cf-connecting-ip') ?? '0.0.0.0',
    onClose: (tell) => request.signal.addEventListener('abort', tell, { once: true }),
  })
}
