/** Turns whatever was thrown into an answer: our Problems as RFC 9457, everything else as a 500 that tells nothing. */
import { fail, Problem } from '#core/base/errors.ts'
import { lostConnection, neverConnected } from '#core/platform/database/database.ts'
import type { ErrorStyle } from './define-function.ts'

/**
 * The Problem to answer for a thrown value. A bug becomes internal_error; the log has the rest.
 * @param writes the request may have changed something: with a lost connection nobody knows
 */
export function toProblem(error: unknown, signal: AbortSignal | undefined, writes: boolean): Problem {
  if (error instanceof Problem) return error
  if (signal?.aborted && signal.reason instanceof Problem) return signal.reason
  const headers = { 'retry-after': '1' }
  if (neverConnected(error) || (lostConnection(error) && !writes))
    return fail('database_unavailable', undefined, { cause: error, headers })
  if (lostConnection(error))
    return fail(
      'outcome_unknown',
      'The database was lost on the way. Repeat it with the same Idempotency-Key.',
      {
        cause: error,
        headers,
      },
    )
  return fail('internal_error', 'The failure has been logged under this request_id.', { cause: error })
}

/** The body of a problem. */
export function problemBody(problem: Problem, requestId: string, instance: string): Record<string, unknown> {
  return {
    type: `urn:ninefold:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    instance,
    code: problem.code,
    request_id: requestId,
    ...(problem.errors ? { errors: problem.errors } : {}),
    ...problem.extra,
  }
}

/** OAuth routes answer in the shape of RFC 6749 section 5.2. */
function oauthBody(problem: Problem): Record<string, unknown> {
  const error =
    problem.status === 401
      ? 'invalid_client'
      : problem.status === 403
        ? 'invalid_scope'
        : problem.status >= 500
          ? 'server_error'
          : ((problem.extra.oauth_error as string | undefined) ?? 'invalid_request')
  return { error, error_description: problem.detail }
}

/** The Response of a problem, in the row's error style. */
export function replyProblem(
  problem: Problem,
  requestId: string,
  instance: string,
  style: ErrorStyle,
  headers: Record<string, string>,
): Response {
  const body =
    style === 'problem'
      ? problemBody(problem, requestId, instance)
      : style === 'oauth'
        ? oauthBody(problem)
        : style.word(problem)
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: {
      ...headers,
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...problem.headers,
      'content-type': style === 'problem' ? 'application/problem+json' : 'application/json',
      'cache-control': 'no-store',
    },
  })
}
