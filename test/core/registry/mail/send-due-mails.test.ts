import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sweepMails } from '#core/registry/mail/queries.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { registerUnverified } from '#test/support/accounts.ts'
import { freePort } from '#test/support/process.ts'
import { type System, startSystem } from '#test/support/system.ts'

interface Taken {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
}
const USER = 'mailer'
const SECRET = 'smtp-password-of-the-test'
const taken: Taken[] = []
/** What the server says to a recipient; null: it takes the mail. */
let refusal: { responseCode: number; message: string } | null = null
let port = 0
let server: SMTPServer | null = null

async function startServer(): Promise<void> {
  const made = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) =>
      auth.username === USER && auth.password === SECRET
        ? done(null, { user: USER })
        : done(new Error('wrong password')),
    onRcptTo: (_address, _session, done) =>
      refusal
        ? done(Object.assign(new Error(refusal.message), { responseCode: refusal.responseCode }))
        : done(),
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString('utf8'),
        })
        done()
      })
    },
  })
  made.on('error', () => undefined)
  await new Promise<void>((resolve) => made.listen(port, '127.0.0.1', resolve))
  server = made
}
const stopServer = () =>
  new Promise<void>((resolve) => {
    if (!server) return resolve()
    server.close(() => resolve())
    server = null
  })

let system: System
beforeAll(async () => {
  port = await freePort()
  await startServer()
  system = await startSystem({
    SMTP_URL: `smtp://${USER}:${SECRET}@127.0.0.1:${port}`,
    MAIL_FROM: 'Ninefold <registry@ninefold.example>',
  })
})
afterAll(stopServer)
beforeEach(() => {
  taken.length = 0
  refusal = null
})

let made = 0
async function queueOne(): Promise<string> {
  const email = `smtp-${++made}@example.com`
  await registerUnverified(system, email)
  return email
}
const send = () => sendDueMails(system.registry)
const rowOf = async (email: string) =>
  (
    await system.registry.db.query<{
      state: string
      attempts: number
      body: string | null
      last_error: string
    }>('select state, attempts, body, last_error from registry.mails where recipient = $1', [email])
  )[0]

describe('mail over SMTP', () => {
  test('reaches the address with a link that verifies it, and the secret leaves the database', async () => {
    const email = await queueOne()
    expect(system.woken).toContain('mail')
    expect(await send()).toBe(1)
    expect(taken).toHaveLength(1)
    expect(taken[0]).toMatchObject({ from: 'registry@ninefold.example', to: [email] })
    const text = (taken[0]?.text ?? '').replaceAll('=\r\n', '').replaceAll('=3D', '=')
    expect(text).toContain('Auto-Submitted: auto-generated')
    const token = /\?token=([A-Za-z0-9_-]+)/.exec(text)?.[1]
    expect((await system.api.post('/auth/verify-email', { token })).status).toBe(204)
    expect(await rowOf(email)).toMatchObject({ state: 'sent', attempts: 1, body: null })
    expect(await send()).toBe(0)
  })

  test('is sent once though several senders work at once', async () => {
    for (let count = 0; count < 5; count++) await queueOne()
    const sent = await Promise.all([send(), send(), send()])
    expect(sent.reduce((sum, one) => sum + one, 0)).toBe(5)
    expect(new Set(taken.map(({ to }) => to[0])).size).toBe(5)
  })

  test('waits while the server is down, with growing delay, and is sent when it is up again', async () => {
    await stopServer()
    const email = await queueOne()
    expect(await send()).toBe(0)
    expect(await rowOf(email)).toMatchObject({ state: 'waiting', attempts: 1 })
    system.clock.advance(14_000)
    await send()
    expect((await rowOf(email))?.attempts).toBe(1)
    system.clock.advance(1000)
    await send()
    expect((await rowOf(email))?.attempts).toBe(2)
    await startServer()
    expect(await send()).toBe(0)
    system.clock.advance(30_000)
    expect(await send()).toBe(1)
    expect(taken.map(({ to }) => to)).toEqual([[email]])
  })

  test('is tried again after a 4xx of the server and given up after a 5xx', async () => {
    refusal = { responseCode: 451, message: 'try again later' }
    const email = await queueOne()
    await send()
    expect(await rowOf(email)).toMatchObject({ state: 'waiting', last_error: 'smtp_451' })
    refusal = { responseCode: 550, message: 'no such mailbox' }
    system.clock.advance(15_000)
    await send()
    expect(await rowOf(email)).toMatchObject({ state: 'failed', last_error: 'smtp_550', body: null })
    refusal = null
    system.clock.advance(86_000_000)
    expect(await send()).toBe(0)
  })

  test('is not sent once the link inside has expired', async () => {
    const email = await queueOne()
    system.clock.advance(86_401_000)
    expect(await send()).toBe(0)
    expect(await rowOf(email)).toMatchObject({ state: 'failed', last_error: 'expired', body: null })
  })

  test('is taken over by another sender when one died with it', async () => {
    const email = await queueOne()
    await system.registry.db.query(
      `update registry.mails set attempts = 1, next_attempt_at = $2 where recipient = $1`,
      [email, new Date(system.clock.now().getTime() + 120_000)],
    )
    expect(await send()).toBe(0)
    system.clock.advance(120_000)
    expect(await send()).toBe(1)
  })

  test('is forgotten 30 days after its end', async () => {
    const sweep = () => system.registry.db.transaction((tx) => sweepMails(tx, 100, system.clock.now()))
    system.clock.advance(29 * 86_400_000)
    await sweep()
    const email = await queueOne()
    await send()
    system.clock.advance(30 * 86_400_000)
    await sweep()
    expect(await rowOf(email)).toBeDefined()
    system.clock.advance(1000)
    await sweep()
    expect(await rowOf(email)).toBeUndefined()
  })
})

describe('without a mail server in containers', () => {
  test('what needs a mail answers 503 mail_not_configured alike and does nothing', async () => {
    const mute = await startSystem({
      NINEFOLD_PROFILE: 'containers',
      DATABASE_URL: 'postgres://unused.invalid/registry',
      TEG_DATABASE_URL: 'postgres://unused.invalid/teg',
      REDIS_URL: 'redis://unused.invalid',
      EVENT_STORE_ENABLED: 'false',
    })
    const body = { email: 'a@example.com', password: 'correct horse battery staple', display_name: 'A' }
    const answers = [
      await mute.api.post('/auth/register', body),
      await mute.api.post('/auth/verify-email/resend', { email: body.email }),
      await mute.api.post('/auth/password/forgot', { email: body.email }),
    ]
    for (const answer of answers)
      expect([answer.status, answer.body.code]).toEqual([503, 'mail_not_configured'])
    for (const table of ['accounts', 'mails'])
      expect(await mute.registry.db.query(`select 1 from registry.${table}`)).toEqual([])
    expect(await sendDueMails(mute.registry)).toBe(0)
  })
})
