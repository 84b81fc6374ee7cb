/** Refusals of the domain mail. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const mailErrors = {
  mail_not_configured: { status: 503, title: 'This registry cannot send mail yet' },
} as const satisfies ErrorTable
export const fail = problems(mailErrors)
