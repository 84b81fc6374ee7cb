/** /auth: registration, sessions, keys. */

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

const { post } = rowsOf<RegistryContext>()
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
  ],
})
