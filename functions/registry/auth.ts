/** Rows of /auth, the ways in: registration, login, forgotten passwords, tokens of agents. What one holds once inside: account.ts. */
import { grantToken } from '#core/registry/accounts/credentials/grant-token.ts'
import { OAuthToken, TokenRequest } from '#core/registry/accounts/credentials/schema.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { registerAccount } from '#core/registry/accounts/register-account.ts'
import { forgotPassword, resetPassword } from '#core/registry/accounts/reset-password.ts'
import {
  ForgotBody,
  LoginBody,
  LogoutBody,
  RefreshBody,
  RegisterBody,
  RegisterReply,
  ResendBody,
  ResetBody,
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
    post(
      '/password/forgot',
      {
        summary: 'Mail a link to set a new password; answers alike whether there is such an account',
        callers: 'public',
        body: ForgotBody,
        errors,
      },
      ({ ctx, body }) => forgotPassword(ctx, body.email),
    ),
    post(
      '/password/reset',
      {
        summary: 'Set a new password with the token mailed to the address; all sessions end',
        callers: 'public',
        body: ResetBody,
        errors,
      },
      ({ ctx, body }) => resetPassword(ctx, body),
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
