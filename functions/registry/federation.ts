/** Federation: what peers ask over mutual TLS, the identity that anybody may see, and whom operators keep out. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { answerPing } from '#core/registry/identity/answer-ping.ts'
import { IdentityOut, PingOut } from '#core/registry/identity/schema.ts'
import { showIdentity } from '#core/registry/identity/show-identity.ts'
import { quarantineErrors } from '#core/registry/quarantine/errors.ts'
import { liftQuarantine } from '#core/registry/quarantine/lift-quarantine.ts'
import { listQuarantine } from '#core/registry/quarantine/list-quarantine.ts'
import { quarantinePeer } from '#core/registry/quarantine/quarantine-peer.ts'
import { QuarantineIn, QuarantineOut, QuarantinePage } from '#core/registry/quarantine/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, delete: remove } = rowsOf<RegistryContext>()
const peers = { callers: ['peer'], uncounted: true, errors: [quarantineErrors] } as const
const operators = { callers: ['operator'], errors: [quarantineErrors] } as const

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
    get(
      '/quarantine',
      {
        ...operators,
        summary: 'List the peers in quarantine, newest first',
        query: PageQuery,
        reply: QuarantinePage,
      },
      ({ ctx, query }) => listQuarantine(ctx, query),
    ),
    post(
      '/quarantine',
      {
        ...operators,
        summary:
          'Put a peer (by SPIFFE ID) or a whole trust domain into quarantine: from now on it is refused',
        body: QuarantineIn,
        reply: QuarantineOut,
        status: 201,
      },
      ({ ctx, body }) => quarantinePeer(ctx, body),
    ),
    remove(
      '/quarantine/:id',
      { ...operators, summary: 'Lift a quarantine', params: IdPath },
      ({ ctx, params }) => liftQuarantine(ctx, params.id),
    ),
  ],
})
