/** Shapes of invites. */
import { z } from 'zod'
import { EmailIn } from '#core/base/email.ts'
import { PageOf, TimeOut, Timestamp, Uuid } from '#core/base/shapes.ts'

export const INVITE_USES_MAX = 10_000
export const CreateInviteBody = z.strictObject({
  email: EmailIn.optional(),
  max_uses: z.number().int().min(1).max(INVITE_USES_MAX).optional(),
  expires_at: Timestamp.optional(),
})
export type NewInvite = z.output<typeof CreateInviteBody>
export const Invite = z.strictObject({
  id: Uuid,
  prefix: z.string(),
  email: z.string().nullable(),
  max_uses: z.number().int(),
  uses: z.number().int(),
  created_at: TimeOut,
  expires_at: TimeOut.nullable(),
})
/** The code itself is given in the reply that makes the invite and never again. */
export const InviteCreated = Invite.extend({ code: z.string() })
export const InvitePage = PageOf(Invite)
