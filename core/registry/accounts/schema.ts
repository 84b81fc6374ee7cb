/** Shapes of accounts in requests and replies. */
import { z } from 'zod'
import { EmailIn } from '#core/base/email.ts'
import { PageOf, PageQuery, TimeOut, Uuid } from '#core/base/shapes.ts'
import { DISPLAY_NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from './rules.ts'

const Password = z
  .string()
  .min(PASSWORD_MIN, `must have at least ${PASSWORD_MIN} characters`)
  .max(PASSWORD_MAX, `must have at most ${PASSWORD_MAX} characters`)
/** A password that is compared, not set: whatever was legal once. */
const GivenPassword = z.string().min(1).max(PASSWORD_MAX)
const DisplayName = z
  .string()
  .min(1)
  .max(DISPLAY_NAME_MAX)
  .regex(/^\P{Cc}*$/u, 'must not hold control characters')
  .refine((text) => text.trim() !== '', 'must not be blank')
const MailToken = z.string().min(1).max(200)

export const RegisterBody = z.strictObject({
  email: EmailIn,
  password: Password,
  display_name: DisplayName,
  invite_code: z.string().min(1).max(200).optional(),
})
export const RegisterReply = z.strictObject({ status: z.literal('verification_sent') })
export const VerifyBody = z.strictObject({ token: MailToken })
export const ResendBody = z.strictObject({ email: EmailIn.optional() })
export const LoginBody = z.strictObject({ email: EmailIn, password: GivenPassword })
export const RefreshBody = z.strictObject({ refresh_token: z.string().min(1).max(200) })
export const LogoutBody = z.strictObject({ refresh_token: z.string().min(1).max(200).optional() })
export const TokenReply = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  refresh_token: z.string(),
})
export type TokenReply = z.infer<typeof TokenReply>
export const ForgotBody = z.strictObject({ email: EmailIn })
export const ResetBody = z.strictObject({ token: MailToken, password: Password })

export const RoleName = z.enum(['operator', 'auditor'])
export const Account = z.strictObject({
  id: Uuid,
  email: z.string(),
  email_verified: z.boolean(),
  display_name: z.string(),
  roles: z.array(RoleName),
  status: z.enum(['active', 'suspended', 'deleted']),
  created_at: TimeOut,
})
export type Account = z.infer<typeof Account>
export const AccountPage = PageOf(Account)
/** `password` is set only together with the current one. */
export const ChangeMeBody = z.strictObject({
  display_name: DisplayName.optional(),
  password: Password.optional(),
  current_password: GivenPassword.optional(),
})
export type ChangeMe = z.output<typeof ChangeMeBody>
/** The operator's list of accounts: all, or the one of an address. */
export const AccountsQuery = PageQuery.extend({ email: EmailIn.optional() })
/** What an operator may change: PATCH /operator/accounts. */
export const ChangeAccountBody = z.strictObject({
  account: Uuid,
  roles: z.array(RoleName).max(2).optional(),
  status: z.enum(['active', 'suspended']).optional(),
})

export const Session = z.strictObject({
  id: Uuid,
  current: z.boolean(),
  address: z.string(),
  user_agent: z.string().nullable(),
  created_at: TimeOut,
  last_used_at: TimeOut,
  expires_at: TimeOut,
})
export const SessionPage = PageOf(Session)
