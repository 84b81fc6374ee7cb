/** Rows of /auth: what a developer holds: the account itself, its sessions, API keys and signing keys. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import { changeMe, readMe } from '#core/registry/accounts/change-me.ts'
import {
  createApiKey,
  listApiKeys,
  revokeApiKey,
} from '#core/registry/accounts/credentials/manage-api-keys.ts'
import { ApiKeyCreated, ApiKeyPage, CreateKeyBody } from '#core/registry/accounts/credentials/schema.ts'
import { deleteMe } from '#core/registry/accounts/delete-me.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { Account, ChangeMeBody, Session, SessionPage } from '#core/registry/accounts/schema.ts'
import {
  endAllSessions,
  endSession,
  listSessions,
  readSession,
} from '#core/registry/accounts/sessions/manage-sessions.ts'
import {
  enrolSigningKey,
  listSigningKeys,
  revokeSigningKey,
} from '#core/registry/accounts/signing-keys/manage-signing-keys.ts'
import { EnrolBody, SigningKey, SigningKeyPage } from '#core/registry/accounts/signing-keys/schema.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, patch, delete: remove } = rowsOf<RegistryContext>()
const errors = [accountErrors]

export default defineFunction<RegistryContext>({
  tag: 'account',
  bodyLimitBytes: 64 * 1024,
  rows: [
    get(
      '/me',
      {
        summary: 'Your account',
        callers: ['developer'],
        scope: 'account:read',
        reply: Account,
        errors,
      },
      ({ ctx }) => readMe(ctx),
    ),
    patch(
      '/me',
      {
        summary: 'Change your name, or your password with the current one; the other sessions end then',
        callers: ['developer'],
        scope: 'account:write',
        body: ChangeMeBody,
        reply: Account,
        errors,
      },
      ({ ctx, body, address }) => changeMe(ctx, body, address),
    ),
    remove(
      '/me',
      {
        summary: 'Delete your account once all its agents are retired; its id stays',
        callers: ['developer'],
        scope: 'account:write',
        errors,
      },
      ({ ctx }) => deleteMe(ctx),
    ),
    get(
      '/sessions',
      {
        summary: 'Your living sessions, newest first',
        callers: ['developer'],
        scope: 'account:read',
        query: PageQuery,
        reply: SessionPage,
        errors,
      },
      ({ ctx, query }) => listSessions(ctx, query),
    ),
    remove(
      '/sessions',
      {
        summary: 'End all your sessions, this one too',
        callers: ['developer'],
        scope: 'account:write',
        errors,
      },
      ({ ctx }) => endAllSessions(ctx),
    ),
    get(
      '/sessions/:id',
      {
        summary: 'One of your sessions',
        callers: ['developer'],
        scope: 'account:read',
        params: IdPath,
        reply: Session,
        errors,
      },
      ({ ctx, params }) => readSession(ctx, params.id),
    ),
    remove(
      '/sessions/:id',
      {
        summary: 'End a session and its access tokens at once',
        callers: ['developer'],
        scope: 'account:write',
        params: IdPath,
        errors,
      },
      ({ ctx, params }) => endSession(ctx, params.id),
    ),
    get(
      '/api-keys',
      {
        summary: 'Your API keys, newest first',
        callers: ['developer'],
        scope: 'account:read',
        query: PageQuery,
        reply: ApiKeyPage,
        errors,
      },
      ({ ctx, query }) => listApiKeys(ctx, query),
    ),
    post(
      '/api-keys',
      {
        summary: 'Make an API key; the secret is shown once',
        callers: ['developer'],
        scope: 'account:write',
        body: CreateKeyBody,
        reply: ApiKeyCreated,
        status: 201,
        location: (key: { id: string }) => `/api/v1/auth/api-keys/${key.id}`,
        errors,
      },
      ({ ctx, body }) => createApiKey(ctx, body),
    ),
    remove(
      '/api-keys/:id',
      {
        summary: 'Revoke an API key',
        callers: ['developer'],
        scope: 'account:write',
        params: IdPath,
        errors,
      },
      ({ ctx, params }) => revokeApiKey(ctx, params.id),
    ),
    get(
      '/signing-keys',
      {
        summary: 'The public keys that you sign cards with, newest first',
        callers: ['developer'],
        scope: 'account:read',
        query: PageQuery,
        reply: SigningKeyPage,
        errors,
      },
      ({ ctx, query }) => listSigningKeys(ctx, query),
    ),
    post(
      '/signing-keys',
      {
        summary: 'Enrol a public key (JWK) that you sign cards with',
        callers: ['developer'],
        scope: 'account:write',
        body: EnrolBody,
        reply: SigningKey,
        status: 201,
        location: (key: { id: string }) => `/api/v1/auth/signing-keys/${key.id}`,
        errors,
      },
      ({ ctx, body }) => enrolSigningKey(ctx, body),
    ),
    remove(
      '/signing-keys/:id',
      {
        summary: 'Revoke a signing key',
        callers: ['developer'],
        scope: 'account:write',
        params: IdPath,
        errors,
      },
      ({ ctx, params }) => revokeSigningKey(ctx, params.id),
    ),
  ],
})
