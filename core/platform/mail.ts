/** The Mailer port: SMTP, or files in a folder under the embedded profile; without either nothing can be sent. */
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Transporter } from 'nodemailer'
import type { Config } from './config.ts'
import { refuseInsideTransaction } from './database/scope.ts'

export interface Mail {
  /** Names the message (Message-ID, file): a mail sent twice after a crash is the same message. */
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly time: Date
}

export interface Mailer {
  readonly kind: 'smtp' | 'file' | 'none'
  /** @throws MailError */
  send(mail: Mail): Promise<void>
}

/** A mail that was not taken. `code` holds no address; `permanent`: the server will never take it. */
export class MailError extends Error {
  readonly code: string
  readonly permanent: boolean
  constructor(code: string, permanent: boolean, cause: unknown) {
    super(`The mail was not taken: ${code}`, { cause })
    this.name = 'MailError'
    this.code = code
    this.permanent = permanent
  }
}

export const CONNECT_TIMEOUT_MS = 10_000
export const SOCKET_TIMEOUT_MS = 20_000

/** The mailer that the configuration asks for: SMTP_URL, else files under DATA_DIR/mail, else (containers) none. */
export function openMailer(config: Config): Mailer {
  if (config.SMTP_URL) return openSmtp(config.SMTP_URL, config.MAIL_FROM)
  if (config.NINEFOLD_PROFILE !== 'embedded') return noMailer
  return openFolder(join(config.DATA_DIR, 'mail'), config.MAIL_FROM)
}

const noMailer: Mailer = {
  kind: 'none',
  async send() {
    throw new MailError('not_configured', false, undefined)
  },
}

/** smtps: TLS from the start; smtp: STARTTLS where it is offered, and always before a password leaves this machine. */
function openSmtp(url: string, from: string): Mailer {
  const at = new URL(url)
  const secure = at.protocol === 'smtps:'
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(at.hostname)
  const transport = lazily((nodemailer) =>
    nodemailer.createTransport({
      host: at.hostname.replace(/^\[|\]$/g, ''),
      port: Number(at.port) || (secure ? 465 : 587),
      secure,
      requireTLS:
        !secure && (at.searchParams.get('require_tls') === 'true' || (at.username !== '' && !isLocal)),
      ...(at.username
        ? { auth: { user: decodeURIComponent(at.username), pass: decodeURIComponent(at.password) } }
        : {}),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      dnsTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    }),
  )
  return {
    kind: 'smtp',
    async send(mail) {
      refuseInsideTransaction('Sending a mail')
      await compose(await transport(), mail, from)
    },
  }
}

/** Keeps mails as <id>.eml; a reader never sees half of one. */
function openFolder(folder: string, from: string): Mailer {
  const transport = lazily((nodemailer) =>
    nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' }),
  )
  return {
    kind: 'file',
    async send(mail) {
      refuseInsideTransaction('Sending a mail')
      const { message } = (await compose(await transport(), mail, from)) as { message: Buffer }
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        const draft = join(folder, `${mail.id}.draft`)
        const file = await open(draft, 'w', 0o600)
        try {
          await file.writeFile(message)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(draft, join(folder, `${mail.id}.eml`))
      } catch (error) {
        throw new MailError((error as { code?: string }).code ?? 'file', false, error)
      }
    },
  }
}

/** Loaded with the first mail: a worker that sends none is spared 10 MB. */
function lazily(make: (nodemailer: typeof import('nodemailer')) => Transporter): () => Promise<Transporter> {
  let made: Promise<Transporter> | null = null
  return () => {
    made ??= import('nodemailer').then((loaded) => make(loaded.default as typeof import('nodemailer')))
    return made
  }
}

async function compose(transport: Transporter, mail: Mail, from: string): Promise<unknown> {
  try {
    return await transport.sendMail({
      from,
      to: { name: '', address: mail.to },
      subject: mail.subject,
      text: mail.text,
      date: mail.time,
      messageId: `<${mail.id}@${domainOf(from)}>`,
      textEncoding: 'quoted-printable',
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number }
    const permanent = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH'
    throw new MailError(responseCode ? `smtp_${responseCode}` : (code ?? 'failed'), permanent, error)
  }
}

const domainOf = (from: string): string => /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost'
