/** What mails say, how often one address gets one, and when a failed one is tried again. ASCII only, nothing typed in by users. */

/** Notices of webhooks that were disabled carry why. */
export type MailKind =
  | 'verify'
  | 'reset'
  | 'known'
  | 'invite'
  | 'webhook_gone'
  | 'webhook_failing'
  | 'webhook_backlog'

/** Mails to one address in an hour: nobody is flooded through our forms. Beyond it nothing is sent and nothing is told. */
export const MAILS_PER_HOUR = 10
export const ATTEMPTS_MAX = 10
/** How long a sender holds a mail: longer than every timeout of a send together. */
export const LEASE_SECONDS = 120

/** Seconds until the next attempt after `attempts` failures; null: give up. Doubles from 15 s to an hour. */
export function retryDelay(attempts: number): number | null {
  if (attempts >= ATTEMPTS_MAX) return null
  return Math.min(3600, 15 * 2 ** (attempts - 1))
}

const paths: Record<MailKind, string> = {
  verify: '/verify-email',
  reset: '/reset-password',
  known: '/login',
  invite: '/register',
  webhook_gone: '/docs',
  webhook_failing: '/docs',
  webhook_backlog: '/docs',
}

/** Subject and text of a mail. `token` goes into the one link; the mail to a known address has a link without. */
export function writeMail(
  kind: MailKind,
  facts: { registry: string; publicUrl: string; token: string | null },
): { subject: string; text: string } {
  const base = facts.publicUrl.replace(/\/+$/, '')
  const link = `${base}${paths[kind]}${facts.token === null ? '' : `?token=${facts.token}`}`
  const { subject, before, after } = words[kind](facts.registry)
  return { subject, text: `${before}\n\n${link}\n\n${after}\n` }
}

const webhookNotice =
  (why: string) =>
  (name: string): { subject: string; before: string; after: string } => ({
    subject: `A webhook of yours at ${name} was disabled`,
    before: `${why}\nNothing is sent to it any more. How webhooks work:`,
    after:
      'Make it active again when it is well (PATCH /api/v1/webhooks/{id}), and have\nwhat it missed sent again (POST /api/v1/webhooks/{id}/replay).',
  })

const words: Record<MailKind, (name: string) => { subject: string; before: string; after: string }> = {
  verify: (name) => ({
    subject: `Confirm your e-mail address for ${name}`,
    before: `Somebody, hopefully you, has registered at ${name}\nwith this address. Open this link to confirm it:`,
    after: 'The link works once, for 24 hours.\nIf it was not you, ignore this mail: nothing happens then.',
  }),
  reset: (name) => ({
    subject: `Set a new password for ${name}`,
    before: `A new password was asked for your account at ${name}.\nOpen this link to set it:`,
    after:
      'The link works once, for 30 minutes. All sessions end when the\nnew password is set. If it was not you, ignore this mail.',
  }),
  known: (name) => ({
    subject: `You already have an account at ${name}`,
    before: `Somebody, hopefully you, tried to register at ${name}\nwith this address, but you already have an account. Log in here:`,
    after:
      'If you have forgotten the password, ask for a new one there.\nIf it was not you, ignore this mail.',
  }),
  invite: (name) => ({
    subject: `You are invited to ${name}`,
    before: `The operator of ${name} invites you.\nOpen this link to register:`,
    after: 'The invite is for this address only.',
  }),
  webhook_gone: webhookNotice('Its endpoint answered 410 Gone.'),
  webhook_failing: webhookNotice('For five days every attempt to reach its endpoint has failed.'),
  webhook_backlog: webhookNotice(
    'More events wait for its endpoint than the registry keeps for one webhook.',
  ),
}
