/** The witness against c2sp.org/tlog-witness: it cosigns what only adds to what it cosigned before, and nothing else. */
import { describe, expect, test } from 'vitest'
import { formatCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { isSignedBy, openSigner, parseNote } from '#core/base/tlog/note.ts'
import { startStore } from '#test/support/event-store.ts'

/** The other frame's log, and this frame's witness. */
const other = await startStore({ EVENT_STORE_ORIGIN: 'south.example/log' })
const key = other.store.keys.log.verifier
const witness = await startStore({ EVENT_STORE_WITNESSED_LOGS: `${key.text} ` })
const cosigner = witness.store.keys.witness.verifier

const checkpoint = async () => (await other.api.get('/checkpoint')).text
const proofOf = async (first: number): Promise<string[]> =>
  (await other.api.get('/proofs/consistency', { query: { first: String(first) } })).body.proof
const post = (body: string, to = witness) =>
  to.api.post('/witness/add-checkpoint', body, { headers: { 'content-type': 'text/plain' } })
const add = async (old: number, note?: string, proof?: string[]) =>
  post(
    [`old ${old}`, ...(proof ?? (old > 0 ? await proofOf(old) : [])), '', note ?? (await checkpoint())].join(
      '\n',
    ),
  )

describe('add-checkpoint', () => {
  test('cosigns a first checkpoint, and a later one that is shown to add to it', async () => {
    await other.tell(5)
    const first = await add(0)
    expect(first.status).toBe(200)
    expect(first.headers.get('content-type')).toContain('text/plain')
    const note = parseNote((await checkpoint()) + first.text)
    expect(note && isSignedBy(note, [cosigner])).toBe(true)
    await other.tell(300)
    const second = await add(5)
    expect(second.status).toBe(200)
    const again = await add(305, undefined, [])
    expect([again.status, again.text.startsWith(`— ${cosigner.name} `)]).toEqual([200, true])
  })

  test('answers 409 with its size to an old size that is not the last one', async () => {
    await other.tell(1)
    for (const old of [0, 5]) {
      const answer = await add(old)
      expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([
        409,
        '305\n',
        'text/x.tlog.size',
      ])
    }
  })

  test('of two requests of one moment cosigns one, and no size goes back', async () => {
    const older = await checkpoint()
    const olderProof = await proofOf(305)
    await other.tell(2)
    const answers = await Promise.all([add(305), add(305, older, olderProof)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    const rows = await witness.db.query<{ size: bigint }>('select size from event_store.witnessed_logs')
    const size = Number(rows[0]?.size)
    expect([306, 308]).toContain(size)
    if (size === 306) expect((await add(306)).status).toBe(200)
  })

  test('answers 404 for a log that it does not know, 403 for one that its key has not signed', async () => {
    const stranger = openSigner('stranger.example/log', Buffer.alloc(32, 1))
    const text = formatCheckpoint({ origin: 'stranger.example/log', size: 1, root: Buffer.alloc(32) })
    expect((await add(0, `${text}\n${stranger.sign(text)}`)).status).toBe(404)
    const forger = openSigner(key.name, Buffer.alloc(32, 2))
    const forged = formatCheckpoint({ origin: key.name, size: 400, root: Buffer.alloc(32) })
    const answer = await add(308, `${forged}\n${forger.sign(forged)}`, [])
    expect([answer.status, answer.body.code]).toEqual([403, 'checkpoint_not_signed'])
    const note = (await checkpoint()).replace('\n308\n', '\n309\n')
    expect((await add(308, note, [])).status).toBe(403)
  })

  test('answers 422 proof_invalid to a fork of the log, and 409 checkpoint_conflict to another root of the same size', async () => {
    const { log } = other.store.keys
    const sign = (size: number) => {
      const text = formatCheckpoint({ origin: key.name, size, root: Buffer.alloc(32, 9) })
      return `${text}\n${log.sign(text)}`
    }
    expect((await add(308, sign(308), [])).body.code).toBe('checkpoint_conflict')
    const fork = await add(308, sign(400), [Buffer.alloc(32, 3).toString('base64')])
    expect([fork.status, fork.body.code]).toEqual([422, 'proof_invalid'])
    await other.tell(1)
    const skipped = await add(308, undefined, [])
    expect([skipped.status, skipped.body.code]).toEqual([422, 'proof_invalid'])
    expect((await add(308)).status).toBe(200)
  })

  test.each([
    ['', 'nothing'],
    ['old 0', 'no checkpoint'],
    ['old 00\n\nx', 'a size with a leading zero'],
    ['new 0\n\nx', 'another word'],
    ['old 0\nAAAA\n\nx', 'a hash that is too short'],
  ])('answers 400 to %j (%s)', async (body) => {
    expect((await post(body)).status).toBe(400)
  })

  test('answers 400 to an old size beyond the checkpoint', async () => {
    expect((await add(310, undefined, [])).status).toBe(400)
  })

  test('keeps what it cosigned', async () => {
    await expect(witness.db.query('update event_store.witnessed_logs set size = 1')).rejects.toThrow(
      /only grows/,
    )
    await expect(witness.db.query('delete from event_store.witnessed_logs')).rejects.toThrow(/append-only/)
  })
})
