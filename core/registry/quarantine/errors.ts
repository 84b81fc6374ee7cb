/** Refusals of the quarantine. */
import { type ErrorTable, problems } from '#core/base/errors.ts'

export const quarantineErrors = {
  peer_quarantined: { status: 403, title: 'This registry has put the peer into quarantine' },
  already_quarantined: { status: 409, title: 'The identity is in quarantine already' },
  quarantine_full: { status: 409, title: 'The quarantine holds as many identities as it may' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
} as const satisfies ErrorTable
export const fail = problems(quarantineErrors)
