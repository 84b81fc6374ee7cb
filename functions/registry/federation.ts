/** Federation: what peers ask over mutual TLS, and the identity that anybody may see. */
import type { RegistryContext } from '#core/registry/context.ts'
import { answerPing } from '#core/registry/identity/answer-ping.ts'
import { IdentityOut, PingOut } from '#core/registry/identity/schema.ts'
import { showIdentity } from '#core/registry/identity/show-identity.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get } = rowsOf<RegistryContext>()
const peers = { callers: ['peer'], uncounted: true } as const

export default defineFunction<RegistryContext>({
  tag: 'federation',
  rows: [
    get(
      '/ping',
      { ...peers, summary: 'Tell a peer who it is for us (federation port only)', reply: PingOut },
      ({ ctx }) => answerPing(ctx),
    ),
    get(
      '/identity',
      { callers: 'public', summary: "The registry's SPIFFE identity", reply: IdentityOut },
      ({ ctx }) => showIdentity(ctx),
    ),
  ],
})
