/** One attempt at an endpoint: signed at its own time, bounded in time and size, without redirects. */
import { OutboundError } from '#core/platform/outbound-address.ts'
import type { RegistryContext } from '../context.ts'
import type { WebhookRow } from './queries.ts'
import { type AttemptOutcome, errorOf, excerptOf, readRetryAfter } from './rules.ts'
import { openSigner, type Signer, signDelivery } from './sign-delivery.ts'

export interface Parcel {
  /** The header webhook-id: the event's id, the same in every attempt. */
  readonly id: string
  readonly body: string
}

/** The secrets that sign for a webhook now: the present one, and the former during the overlap. */
export function signersOf(
  ctx: Pick<RegistryContext, 'keys'>,
  row: Pick<WebhookRow, 'secret' | 'secret_before'>,
  beforeGood: boolean,
): Signer[] {
  const secrets = beforeGood && row.secret_before !== null ? [row.secret, row.secret_before] : [row.secret]
  return secrets.map((secret) => openSigner(ctx.keys.unseal(secret)))
}

/**
 * Never throws for what an endpoint does.
 * @throws the reason of ctx.signal when that ends the attempt: nothing is known of it then
 */
export async function attemptDelivery(
  ctx: RegistryContext,
  url: string,
  signers: readonly Signer[],
  parcel: Parcel,
): Promise<AttemptOutcome> {
  const started = performance.now()
  const took = () => Math.round(performance.now() - started)
  const { headers, body } = signDelivery(signers, parcel.id, ctx.clock.now(), parcel.body)
  headers['content-type'] = 'application/cloudevents+json'
  headers['user-agent'] = 'Ninefold-Webhooks'
  try {
    const reply = await ctx.outbound.send({
      url,
      method: 'POST',
      headers,
      body,
      signal: ctx.signal,
      truncate: true,
    })
    const error = errorOf(reply.status)
    return {
      status: reply.status,
      error,
      durationMs: took(),
      excerpt: error === null ? null : excerptOf(reply.body),
      retryAfterSeconds:
        error === null ? null : readRetryAfter(reply.headers['retry-after'], ctx.clock.now()),
    }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return {
      status: null,
      error: error.code,
      durationMs: took(),
      excerpt: null,
      retryAfterSeconds: null,
    }
  }
}
