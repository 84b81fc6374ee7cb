/** Accounts, sessions and keys of developers. */
import type { RequestOptions, Transport } from './transport.ts'
import type { Account, Key, NewKey, Page, PageQuery, Tokens } from './wire.ts'

export const auth = (client: Transport) => ({
  /** Answers alike for known and unknown addresses; the mail has the token. */
  register: (
    body: { email: string; password: string; display_name: string; invite_code?: string },
    options?: RequestOptions,
  ) => client.request<{ status: string }>('POST', '/auth/register', { ...options, body }),
  verifyEmail: (token: string) => client.request<void>('POST', '/auth/verify-email', { body: { token } }),
  resendVerification: (email: string) =>
    client.request<void>('POST', '/auth/verify-email/resend', { body: { email } }),
  login: (email: string, password: string) =>
    client.request<Tokens>('POST', '/auth/login', { body: { email, password } }),
  /** The old refresh token is used up; using it again revokes the whole family. */
  refresh: (refresh_token: string) =>
    client.request<Tokens>('POST', '/auth/refresh', { body: { refresh_token } }),
  logout: () => client.request<void>('POST', '/auth/logout'),
  forgotPassword: (email: string) =>
    client.request<void>('POST', '/auth/password/forgot', { body: { email } }),
  resetPassword: (token: string, password: string) =>
    client.request<void>('POST', '/auth/password/reset', { body: { token, password } }),
  me: () => client.request<Account>('GET', '/auth/me'),
  updateMe: (body: { display_name?: string }) => client.request<Account>('PATCH', '/auth/me', { body }),
  /** Refused with account_has_agents until all agents are retired. */
  deleteMe: () => client.request<void>('DELETE', '/auth/me'),
  sessions: (query?: PageQuery) =>
    client.request<Page<Record<string, unknown>>>('GET', '/auth/sessions', { query: { ...query } }),
  endSession: (id: string) => client.request<void>('DELETE', `/auth/sessions/${encodeURIComponent(id)}`),
  keys: (query?: PageQuery) => client.request<Page<Key>>('GET', '/auth/api-keys', { query: { ...query } }),
  /** The secret is shown in this reply only. */
  createKey: (body: NewKey, options?: RequestOptions) =>
    client.request<Key>('POST', '/auth/api-keys', { ...options, body }),
  revokeKey: (id: string) => client.request<void>('DELETE', `/auth/api-keys/${encodeURIComponent(id)}`),
})
