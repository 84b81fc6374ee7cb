/** What can go wrong with ratings. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const ratingErrors = {
  not_owner: { status: 403, title: 'This belongs to somebody else' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  already_rated: { status: 409, title: 'The transfer has been rated' },
  not_rateable: { status: 409, title: 'The transfer cannot be rated' },
} as const satisfies ErrorTable

export const fail = problems(ratingErrors)
