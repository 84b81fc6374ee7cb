/** Payment tokens as users meet them: the document's commands, and a TEG of its own that is killed in the middle. */
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import { commandsOf, promisesOf, runShell } from '#test/support/document-commands.ts'
import { dataFolder, freePort, type Running, readMailToken, startProcess } from '#test/support/process.ts'
import { type Answer, makeApi } from '#test/support/request.ts'
import { signUp } from '#test/support/sign-up.ts'
import { openTcpProxy } from '#test/support/tcp-proxy.ts'

const ends: (() => unknown)[] = []
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const folderFor = () => {
  const folder = dataFolder()
  ends.push(folder.remove)
  return folder.path
}
async function start(folder: string, port: number, env: Record<string, string> = {}): Promise<Running> {
  const host = await startProcess(folder, port, env)
  ends.push(() => host.stop('SIGKILL'))
  return host
}

test("the document's commands, pasted after the README's, print what they promise", async () => {
  const blocks = [...commandsOf(read('README.md')), ...commandsOf(read('docs/payments.md'))]
  expect(blocks).toHaveLength(2)
  const commands = blocks.join('\n')
  const promises = promisesOf(commands)
  const folder = folderFor()
  const port = await freePort()
  await start(folder, port)
  const script = commands.replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`).replaceAll('.data/', `${folder}/`)
  const { code, output, errors } = await runShell(script)
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  const lines = output.split('\n').filter((line) => line !== '')
  expect(lines).toHaveLength(promises.length)
  promises.forEach((promise, at) => {
    expect(lines[at]).toContain(promise)
  })
}, 120_000)

const TOKENS = 40
const micro = (text: string) => Math.round(Number(text) * 1_000_000)

test('the TEG as a process of its own: killed while tokens are redeemed, cut off and back, every token is paid once', async () => {
  const limits = { RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000', RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000' }
  const shared = { TEG_SERVICE_TOKEN: 'a-service-token-of-two-processes', ...limits }
  const [tegFolder, folder] = [folderFor(), folderFor()]
  const [tegPort, port] = [await freePort(), await freePort()]
  const startTeg = () =>
    start(tegFolder, tegPort, { ...shared, HOST_SERVICES: 'teg', TEG_PORT: String(tegPort) })
  const teg = await startTeg()
  const proxy = await openTcpProxy(`http://127.0.0.1:${tegPort}`)
  ends.push(() => proxy.close())
  const host = await start(folder, port, { ...shared, HOST_SERVICES: 'registry', TEG_URL: proxy.url })
  const token = await signUp(host.api, 'payer@example.com', (email) => readMailToken(folder, email))
  const publish = async (name: string): Promise<string> =>
    (await host.api.post('/agents', { card: card10({ name }) }, { token })).body.id
  const payer = await publish('Payer')
  const payee = await publish('Payee')
  const api = makeApi((request) => fetch(request), undefined, host.url)
  const balance = async (agent: string) => (await api.get(`/agents/${agent}/balance`, { token })).body
  for (let attempt = 0; (await balance(payer)).available !== '1000'; attempt++) {
    if (attempt > 400) throw new Error('the grant did not come')
    await wait(50)
  }

  const issue = (i: number) =>
    api.post(
      '/payments/tokens',
      { payer_agent: payer, payee_agent: payee, amount: '2', expires_in: 3600 },
      { token, key: `issue-${i}` },
    )
  const redeem = (text: string, i: number) =>
    api.post('/payments/tokens/redeem', { token: text, amount: '1' }, { token, key: `redeem-${i}` })
  const tokens: string[] = []
  for (let i = 0; i < TOKENS; i++) tokens.push((await issue(i)).body.token)
  expect((await balance(payer)).held).toBe(String(TOKENS * 2))

  // Killed when a few are acknowledged and others are on their way.
  const first = new Map<number, Answer>()
  let restarted: Promise<Running> | undefined
  const redeemer = async (from: number) => {
    for (let i = from; i < TOKENS; i += 8) {
      const answer = await redeem(tokens[i] as string, i)
      first.set(i, answer)
      const paid = [...first.values()].filter(({ status }) => status === 200).length
      if (paid >= 6) restarted ??= teg.stop('SIGKILL').then(startTeg)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, from) => redeemer(from)))
  expect(restarted).toBeDefined()
  await restarted
  for (const { status, body } of first.values())
    if (status !== 200) expect(['teg_unavailable', 'outcome_unknown']).toContain(body.code)

  // Cut off: told at once, and the other reads say so too.
  await proxy.cut()
  expect((await redeem(tokens[0] as string, 1_000)).body.code).toBe('teg_unavailable')
  expect((await api.get(`/agents/${payer}/balance`, { token })).body.code).toBe('teg_unavailable')
  await proxy.mend()

  let fees = 0
  const transfers = new Set<string>()
  for (const [i, text] of tokens.entries()) {
    const again = await redeem(text, i)
    expect(again.status, again.text).toBe(200)
    const before = first.get(i)
    if (before?.status === 200) expect(again.body).toEqual(before.body)
    expect((await issue(i)).body.token).toBe(text)
    transfers.add(again.body.transfer_id)
    fees += micro(again.body.transfer.fee)
  }
  expect(transfers.size).toBe(TOKENS)
  expect(await balance(payer)).toMatchObject({ held: '0', available: String(1000 - TOKENS) })
  expect(micro((await balance(payee)).available)).toBe(TOKENS * 1_000_000 - fees)

  // One token, twenty redeemers over sockets: by keys of their own, then all by the winner's key.
  const last = (await issue(TOKENS)).body.token
  const race = await Promise.all(Array.from({ length: 20 }, (_, i) => redeem(last, 2_000 + i)))
  const winners = race.flatMap(({ status }, i) => (status === 200 ? [i] : []))
  expect(winners).toHaveLength(1)
  const codes = race.flatMap(({ status, body }) => (status === 200 ? [] : [body.code]))
  expect(codes).toEqual(Array(19).fill('token_redeemed'))
  const winner = winners[0] ?? 0
  const repeats = await Promise.all(Array.from({ length: 20 }, () => redeem(last, 2_000 + winner)))
  for (const repeat of repeats) expect([repeat.status, repeat.body]).toEqual([200, race[winner]?.body])
  expect(await balance(payer)).toMatchObject({ held: '0', available: String(1000 - TOKENS - 1) })
  const supply = (await api.get('/audit/supply')).body
  expect(supply).toMatchObject({ tokens_issued: '1000', tokens_circulating: '1000', holds: '0' })
}, 180_000)
