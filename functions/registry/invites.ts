/** Rows of /invites: who may register where registration needs an invite. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { createInvite, listInvites, revokeInvite } from '#core/registry/accounts/invites/manage-invites.ts'
import { CreateInviteBody, InviteCreated, InvitePage } from '#core/registry/accounts/invites/schema.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, delete: remove } = rowsOf<RegistryContext>()
const errors = [accountErrors]

export default defineFunction<RegistryContext>({
  tag: 'invites',
  bodyLimitBytes: 64 * 1024,
  rows: [
    get(
      '/',
      {
        summary: 'Invites that are not revoked, newest first',
        callers: ['operator'],
        query: PageQuery,
        reply: InvitePage,
        errors,
      },
      ({ ctx, query }) => listInvites(ctx, query),
    ),
    post(
      '/',
      {
        summary: 'Make an invite; the code is shown once, and mailed where it is bound to an address',
        callers: ['operator'],
        body: CreateInviteBody,
        bodyOptional: true,
        reply: InviteCreated,
        status: 201,
        location: (invite: { id: string }) => `/api/v1/invites/${invite.id}`,
        errors,
      },
      ({ ctx, body }) => createInvite(ctx, body),
    ),
    remove(
      '/:id',
      { summary: 'Revoke an invite', callers: ['operator'], params: IdPath, errors },
      ({ ctx, params }) => revokeInvite(ctx, params.id),
    ),
  ],
})
