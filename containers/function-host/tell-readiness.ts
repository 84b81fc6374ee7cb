/** Tells load balancers that this instance is going: /readyz is 503 from the first moment of a stop, all else is served on. */
import { fail } from '#core/base/errors.ts'
import { type App, pathIn } from '#core/runtime/compose-app.ts'
import type { RequestFacts } from '#core/runtime/define-function.ts'
import { requestIdOf } from '#core/runtime/open-call.ts'
import { replyProblem } from '#core/runtime/reply-problem.ts'

const PATH = '/readyz'

export interface ReadinessPorts {
  readonly going: () => boolean
  readonly newId: () => string
}

/** The application with that answer before it. */
export function tellReadiness(app: App, { going, newId }: ReadinessPorts): App {
  return {
    inFlight: () => app.inFlight(),
    fetch(request: Request, facts: RequestFacts) {
      if (!going() || pathIn(request.url) !== PATH) return app.fetch(request, facts)
      const problem = fail('shutting_down', undefined, { headers: { 'retry-after': '1' } })
      const requestId = requestIdOf(request.headers.get('x-request-id'), newId)
      return replyProblem(problem, requestId, PATH, 'problem', { 'x-request-id': requestId })
    },
  }
}
