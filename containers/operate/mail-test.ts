/** Sends a mail as the registry would, and says what the server answered. */
import { randomUUID } from 'node:crypto'
import { readConfig } from '#core/platform/config.ts'
import { MailError, openMailer } from '#core/platform/mail.ts'
import { type Command, readArgs, UsageError } from './command.ts'

const send: Command = async (args, { env, print }) => {
  const { rest } = readArgs(args, [])
  const [to] = rest
  if (to === undefined || !/^[^\s@]+@[^\s@]+$/.test(to)) throw new UsageError('operate mail-test ADDRESS')
  const { SMTP_URL, SMTP_URL_FILE, MAIL_FROM } = env
  if (!SMTP_URL && !SMTP_URL_FILE) throw new UsageError('SMTP_URL is not set: nobody could register')
  const mailer = openMailer(readConfig({ SMTP_URL, SMTP_URL_FILE, MAIL_FROM }))
  try {
    const id = randomUUID()
    const text = 'This registry can send mail.\n'
    await mailer.send({ id, to, subject: 'Ninefold: a test mail', text, time: new Date() })
    print(JSON.stringify({ ok: true, to, message_id: id }))
    return 0
  } catch (error) {
    if (!(error instanceof MailError)) throw error
    print(
      JSON.stringify({ ok: false, code: error.code, permanent: error.permanent, hint: hintOf(error.code) }),
    )
    return 1
  }
}

function hintOf(code: string): string {
  if (/ECONNREFUSED|ESOCKET|ECONNECTION|ETIMEDOUT|EDNS|ENOTFOUND/.test(code))
    return 'nobody answers there: check host and port of SMTP_URL, and whether the provider lets you out on that port'
  if (/EAUTH|535/.test(code))
    return 'user or password of SMTP_URL is refused; encode @ : / % in them as %40 %3A %2F %25'
  if (/ETLS/.test(code)) return 'TLS failed: smtps:// is TLS from the start (465), smtp:// is STARTTLS (587)'
  return 'see what the provider says about this code; MAIL_FROM must often be an address that it knows'
}
export default send
