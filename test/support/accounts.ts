/** Developers and operators for journeys, made the real way: register, read the mail, verify, log in. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Caller } from '#core/base/caller.ts'
import { idMaker } from '#core/platform/context.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import type { System } from './system.ts'

export const PASSWORD = 'correct horse battery staple'

export interface TestDeveloper {
  /** Access token of a session. */
  readonly token: string
  readonly refreshToken: string
  /** Id of the account. */
  readonly account: string
  readonly email: string
}

let made = 0

/** Registers, verifies and logs in a developer. */
export async function registerDeveloper(system: System, email?: string): Promise<TestDeveloper> {
  const address = email ?? `developer-${++made}-${crypto.randomUUID().slice(0, 8)}@example.com`
  await registerUnverified(system, address)
  const verified = await system.api.post('/auth/verify-email', { token: await mailedToken(system, address) })
  if (verified.status !== 204) throw new Error(`verify-email: ${verified.status} ${verified.text}`)
  return logInDeveloper(system, address)
}

/** Registers a developer whose address stays unverified. */
export async function registerUnverified(system: System, email: string): Promise<void> {
  const body = { email, password: PASSWORD, display_name: 'Test Developer' }
  const answer = await system.api.post('/auth/register', body)
  if (answer.status !== 201) throw new Error(`register: ${answer.status} ${answer.text}`)
}

/** Logs in with the password of the tests. */
export async function logInDeveloper(system: System, email: string): Promise<TestDeveloper> {
  const answer = await system.api.post('/auth/login', { email, password: PASSWORD })
  if (answer.status !== 200) throw new Error(`login: ${answer.status} ${answer.text}`)
  const token: string = answer.body.access_token
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  return { token, refreshToken: answer.body.refresh_token, account: claims.sub, email }
}

/** Sends the due mails and returns those to an address, oldest first, as the files that a user of `npm start` finds. */
export async function mailsTo(system: System, email: string): Promise<string[]> {
  await sendDueMails(system.registry)
  const folder = join(system.config.DATA_DIR, 'mail')
  return readdirSync(folder)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
    .map((path) => readFileSync(path, 'utf8'))
    .filter((text) => text.includes(`\r\nTo: ${email}\r\n`))
}

/** The token in the newest mail to an address. */
export async function mailedToken(system: System, email: string): Promise<string> {
  const mail = (await mailsTo(system, email)).at(-1) ?? ''
  const body = mail.slice(mail.indexOf('\r\n\r\n'))
  const isQuoted = /^Content-Transfer-Encoding: quoted-printable\r$/im.test(mail)
  const text = isQuoted
    ? body.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex) => decode(hex))
    : body
  const token = /\?token=([A-Za-z0-9._~-]+)/.exec(text)?.[1]
  if (!token) throw new Error(`No mail with a token came to ${email}`)
  return token
}

const decode = (hex: string): string => String.fromCharCode(Number.parseInt(hex, 16))

/** A context as the runtime makes it, for verbs without a row of their own. */
export function contextFor(system: System, caller: Caller = { kind: 'anonymous' }): RegistryContext {
  const held = system.registry
  return {
    ...held,
    time: held.clock.fixed,
    caller,
    requestId: 'test',
    signal: new AbortController().signal,
    newId: idMaker(held.clock, held.random),
    idempotencyKey: null,
    once: (work) => held.db.transaction(work),
  }
}

/** An agent as a row, where publishing one is not the matter. */
export async function insertAgent(
  system: System,
  owner: string,
  status: 'active' | 'retired' = 'active',
): Promise<{ id: string; did: string }> {
  const id = contextFor(system).newId()
  const did = `did:web:127.0.0.1%3A8000:api:v1:agents:${id}`
  await system.registry.db.query(
    `insert into registry.agents (id, did, slug, owner, status, sequence, card_text, card_etag, card_digest,
       card_version, signature_status, hosted_card, registry_signature, created_at, updated_at)
     values ($1, $2, $5, $3, $6, 1, '{}', 'e', 'd', '1', 'unsigned', '{}', 's', $4, $4)`,
    [id, did, owner, system.clock.now(), id, status],
  )
  return { id, did }
}
