/** /auth: registration, sessions, keys. */

import { IdPath, PageQuery } from '#core/base/shapes.ts'
import { grantToken } from '#core/registry/accounts/credentials/grant-token.ts'
import {
  createApiKey,
  listApiKeys,
  revokeApiKey,
} from '#core/registry/accounts/credentials/manage-api-keys.ts'
import {
  ApiKeyCreated,
  ApiKeyPage,
  CreateKeyBody,
  OAuthToken,
  TokenRequest,
} from '#core/registry/accounts/credentials/schema.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { registerAccount } from '#core/registry/accounts/register-account.ts'
import {
  LoginBody,
  LogoutBody,
  RefreshBody,
  RegisterBody,
  RegisterReply,
  ResendBody,
  TokenReply,
  VerifyBody,
} from '#core/registry/accounts/schema.ts'
import { logIn } from '#core/registry/accounts/sessions/log-in.ts'
import { logOut } from '#core/registry/accounts/sessions/log-out.ts'
import { refreshSession } from '#core/registry/accounts/sessions/refresh-session.ts'
import { resendVerification, verifyEmail } from '#core/registry/accounts/verify-email.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { mailErrors } from '#core/registry/mail/errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, delete: remove } = rowsOf<RegistryContext>()
const errors = [accountErrors, mailErrors]

export default defineFunction<RegistryContext>({
  tag: 'auth',
  bodyLimitBytes: 64 * 1024,
  rows: [
    post(
      '/register',
      {
        summary: 'Register a developer; the link to verify the address comes by mail',
        callers: 'public',
        body: RegisterBody,
        reply: RegisterReply,
        status: 201,
        errors,
      },
      ({ ctx, body }) => registerAccount(ctx, body),
    ),
    post(
      '/verify-email',
      {
        summary: 'Verify an address with the token mailed to it',
        callers: 'public',
        body: VerifyBody,
        errors,
      },
      ({ ctx, body }) => verifyEmail(ctx, body.token),
    ),
    post(
      '/verify-email/resend',
      {
        summary: 'Mail the link again, to an address or to that of the session',
        callers: 'public',
        body: ResendBody,
        bodyOptional: true,
        errors,
      },
      ({ ctx, body }) => resendVerification(ctx, body.email),
    ),
    post(
      '/login',
      {
        summary: 'Log in: an access token of 15 minutes and a refresh token',
        callers: 'public',
        body: LoginBody,
        reply: TokenReply,
        errors,
      },
      ({ ctx, body, address, header }) => logIn(ctx, body, { address, userAgent: header('user-agent') }),
    ),
    post(
      '/refresh',
      {
        summary: 'Exchange a refresh token for the next pair; a second use ends the session',
        callers: 'public',
        body: RefreshBody,
        reply: TokenReply,
        errors,
      },
      ({ ctx, body }) => refreshSession(ctx, body.refresh_token),
    ),
    post(
      '/logout',
      {
        summary: 'End the session of the access token, or of a refresh token',
        callers: 'public',
        body: LogoutBody,
        bodyOptional: true,
        errors,
      },
      ({ ctx, body }) => logOut(ctx, body.refresh_token),
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
    post(
      '/token',
      {
        summary: 'OAuth 2.0 client credentials: the id and secret of an agent key for a token of 15 minutes',
        callers: 'public',
        body: TokenRequest,
        form: true,
        reply: OAuthToken,
        idempotency: 'none',
        errorStyle: 'oauth',
        errors,
      },
      ({ ctx, body, header }) => grantToken(ctx, body, header('authorization')),
    ),
  ],
})
