/** Makes a webhook: its address is judged, its secrets are made and shown this once. */
import { OutboundError } from '#core/platform/outbound-address.ts'
import type { RegistryContext } from '../context.ts'
import { fail, invalidField } from './errors.ts'
import { ownerOf } from './find-webhook.ts'
import { countWebhooks, insertWebhook, lockWebhooksOf, moveSet } from './queries.ts'
import { WEBHOOKS_OF_OPERATORS, WEBHOOKS_PER_ACCOUNT } from './rules.ts'
import type { NewWebhook, Webhook } from './schema.ts'
import { showWebhook } from './show-webhook.ts'
import { makeSecret, showSecret } from './sign-delivery.ts'

/**
 * @returns the webhook with its secret; it hears of events that come after it
 * @throws 400 validation_failed at /url, 403 email_not_verified, 409 too_many_webhooks
 */
export async function createWebhook(
  ctx: RegistryContext,
  wish: NewWebhook,
): Promise<Webhook & { secret: string }> {
  const { caller } = ctx
  if (caller.kind === 'developer' && !caller.emailVerified)
    throw fail(
      'email_not_verified',
      'Open the link in the mail first; POST /auth/verify-email/resend sends it again.',
    )
  await checkAddress(ctx, wish.url)
  const account = ownerOf(ctx)
  const limit = account === null ? WEBHOOKS_OF_OPERATORS : WEBHOOKS_PER_ACCOUNT
  return ctx.once(async (tx) => {
    await lockWebhooksOf(tx, account)
    if ((await countWebhooks(tx, account)) >= limit)
      throw fail('too_many_webhooks', `At most ${limit}; delete one that is not needed.`)
    const secret = makeSecret(ctx.random)
    const row = await insertWebhook(
      tx,
      {
        id: ctx.newId(),
        account,
        url: wish.url,
        types: [...new Set(wish.types)],
        description: wish.description ?? null,
        ordered: wish.ordered ?? false,
        secret: ctx.keys.seal(secret),
      },
      ctx.time,
    )
    await moveSet(tx)
    return { ...showWebhook(ctx, row), secret: showSecret(secret).secret }
  })
}

/** Refuses an address that the registry must not call. @throws 400 validation_failed at /url */
export async function checkAddress(ctx: RegistryContext, url: string): Promise<void> {
  try {
    await ctx.outbound.checkName(url)
  } catch (error) {
    if (error instanceof OutboundError) throw invalidField('/url', error.code, error.message)
    throw error
  }
}
