/** The public log: tiles, proofs and receipts of a growing tree, erasure, the self-audit, keys that keep their name. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCheckpoint, parseProof, verifyProof } from '#core/base/tlog/checkpoint.ts'
import { decodeCommitment, hashPayload } from '#core/base/tlog/commitment.ts'
import { addLeaf, emptyEdge, type Hash, hashLeaf, rootOf } from '#core/base/tlog/merkle.ts'
import { formatSigningKey, parseVerifier, type Verifier } from '#core/base/tlog/note.ts'
import { verifyConsistency, verifyInclusion } from '#core/base/tlog/proofs.ts'
import { decodeBundle, formatTileIndex, tilesOf } from '#core/base/tlog/tiles.ts'
import { auditLog } from '#core/event-store/log/audit-log.ts'
import { testDatabase } from '#test/support/database.ts'
import { eventOf, STORE_ORIGIN, STORE_TOKEN, startStore } from '#test/support/event-store.ts'

const store = await startStore()
const { api, db, tell } = store
const token = STORE_TOKEN
const key = store.store.keys.log.verifier
const bytes = async (path: string) => {
  const reply = await store.fetch(new Request(`http://event-store${path}`))
  return { status: reply.status, headers: reply.headers, body: new Uint8Array(await reply.arrayBuffer()) }
}
const base64 = (text: string): Hash => Buffer.from(text, 'base64')
/** Roots by size, as a reader learns them from the bundles. */
async function rootsFromBundles(size: number): Promise<Hash[]> {
  const edge = emptyEdge()
  const roots = [rootOf(edge)]
  for (const { index, width } of tilesOf(size).filter(({ level }) => level === 0)) {
    const { body } = await bytes(`/tile/entries/${formatTileIndex(index, width)}`)
    for (const entry of decodeBundle(body) ?? []) {
      addLeaf(edge, hashLeaf(entry))
      roots.push(rootOf(edge))
    }
  }
  return roots
}

const sizes: number[] = []
for (const count of [1, 2, 200, 52, 1, 300, 44]) {
  await tell(count)
  sizes.push((sizes.at(-1) ?? 0) + count)
}
const SIZE = 600

describe('the log', () => {
  test('is empty tiles, a checkpoint and bundles that give its root at every size', async () => {
    const checkpoint = openCheckpoint((await api.get('/checkpoint')).text, [key])
    expect(checkpoint).toMatchObject({ origin: STORE_ORIGIN, size: SIZE })
    const roots = await rootsFromBundles(SIZE)
    expect(roots).toHaveLength(SIZE + 1)
    expect(Buffer.from(roots[SIZE] ?? [])).toEqual(Buffer.from(checkpoint?.root ?? []))
    expect((await api.get('/')).body).toMatchObject({ origin: STORE_ORIGIN, size: SIZE, key: key.text })
  })

  test('serves every tile of every size it had, partial ones too, and none beyond', async () => {
    for (const size of sizes)
      for (const { level, index, width } of tilesOf(size)) {
        const { status, headers, body } = await bytes(`/tile/${level}/${formatTileIndex(index, width)}`)
        expect([status, body.length]).toEqual([200, width * 32])
        expect(headers.get('content-type')).toBe('application/octet-stream')
        expect(headers.get('cache-control')).toContain('immutable')
        expect(headers.get('access-control-allow-origin')).toBe('*')
      }
    for (const path of [
      '0/002',
      '0/002.p/89',
      '0/003',
      '1/000',
      '1/000.p/3',
      '2/000.p/1',
      '64/000',
      '00/000',
      '0/2',
    ])
      expect((await bytes(`/tile/${path}`)).status, path).toBe(404)
    for (const path of ['entries/002', 'entries/002.p/89', 'entries/003.p/1'])
      expect((await bytes(`/tile/${path}`)).status, path).toBe(404)
  })

  test('holds commitments and nothing of the documents', async () => {
    const { body } = await bytes('/tile/entries/000')
    const [entry] = decodeBundle(body) ?? []
    expect(decodeCommitment(entry ?? new Uint8Array())).toMatchObject({ sequence: 1n })
    expect(Buffer.from(body).toString('latin1')).not.toMatch(/specversion|agent\.updated/)
  })

  test('proves inclusion and consistency between any sizes', async () => {
    const roots = await rootsFromBundles(SIZE)
    const numbers = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.nat(), fc.nat())
    await fc.assert(
      fc.asyncProperty(numbers, async ([second, a, b]) => {
        const [index, first] = [a % second, b % (second + 1)]
        const query = { index: String(index), size: String(second) }
        const inclusion = (await api.get('/proofs/inclusion', { query })).body
        const root = roots[second] as Hash
        const leaf = base64(inclusion.leaf_hash)
        expect(base64(inclusion.root)).toEqual(Buffer.from(root))
        const proof = inclusion.proof.map(base64)
        expect(verifyInclusion({ index, size: second, leaf, proof, root })).toBe(true)
        const span = { first: String(first), second: String(second) }
        const consistency = (await api.get('/proofs/consistency', { query: span })).body
        const firstRoot = roots[first] as Hash
        expect(base64(consistency.first_root)).toEqual(Buffer.from(firstRoot))
        const steps = consistency.proof.map(base64)
        expect(verifyConsistency({ first, second, firstRoot, secondRoot: root, proof: steps })).toBe(true)
      }),
      { numRuns: 40 },
    )
    const beyond: Record<string, string>[] = [
      { index: String(SIZE) },
      { index: '5', size: '5' },
      { index: '0', size: String(SIZE + 1) },
    ]
    for (const query of beyond) expect((await api.get('/proofs/inclusion', { query })).status).toBe(404)
    expect((await api.get('/proofs/consistency', { query: { first: String(SIZE + 1) } })).status).toBe(404)
    expect((await api.get('/proofs/consistency', { query: { first: '9', second: '8' } })).status).toBe(404)
  })

  test('gives receipts that are verified offline with the key alone', async () => {
    const named = await api.get('/proofs/receipt', {
      query: { source: '/registries/ninefold/registry', sequence: '300' },
    })
    const proof = parseProof(named.text)
    if (!proof) throw new Error('malformed')
    expect(proof.index).toBe(299)
    expect(verifyProof(proof, proof.extra ?? new Uint8Array(), [key])).toBe(true)
    expect(verifyProof(proof, hashLeaf(new Uint8Array()), [key])).toBe(false)
    expect((await api.get('/proofs/receipt', { query: { index: '299' } })).text).toBe(named.text)
    expect((await api.get('/proofs/receipt', { query: { index: String(SIZE) } })).status).toBe(404)
    expect((await api.get('/proofs/receipt', { query: {} })).status).toBe(400)
  })

  test('answers probes', async () => {
    expect((await api.get('/livez')).status).toBe(200)
    expect((await api.get('/readyz')).body).toEqual({ status: 'ready' })
  })
})

describe('erasure', () => {
  test('takes the document and its salt and leaves every proof', async () => {
    const before = (await api.get('/proofs/receipt', { query: { index: '7' } })).text
    const post = (index: number) =>
      api.post('/events/erasures', { index, reason: 'asked for by its subject' }, { token })
    expect((await post(7)).body).toEqual({ index: 7, erased: true })
    expect((await post(7)).status).toBe(200)
    const row = (await api.get('/events', { token, query: { after: '6', limit: '1' } })).body.items[0]
    expect(row).toMatchObject({ index: 7, salt: null, payload: null })
    expect((await api.get('/proofs/receipt', { query: { index: '7' } })).text).toBe(before)
    const audit = (await api.get('/audit', { token })).body
    expect(audit).toMatchObject({ size: SIZE, erased: 1, intact: true })
    expect((await post(SIZE)).status).toBe(404)
    expect((await api.post('/events/erasures', { index: 8, reason: 'none' }, {})).status).toBe(401)
    const rows = await db.query('select index, reason, actor from event_store.erasures')
    expect(rows).toEqual([{ index: 7n, reason: 'asked for by its subject', actor: 'registry' }])
  })

  test('the document that was kept elsewhere still proves what was told', async () => {
    const row = (await api.get('/events', { token, query: { after: '7', limit: '1' } })).body.items[0]
    const hash = hashPayload(Buffer.from(row.salt, 'base64url'), Buffer.from(row.payload))
    expect(Buffer.from(hash).toString('base64')).toBe(row.payload_hash)
  })
})

describe('the self-audit', () => {
  /** Does what nobody can without taking the triggers away, and puts it back. */
  const spoil = async (table: string, change: string, undo: string) => {
    const run = (statement: string) =>
      db.script(`alter table event_store.${table} disable trigger user; ${statement};
                 alter table event_store.${table} enable trigger user`)
    await run(change)
    const audit = await auditLog(store.open())
    await run(undo)
    return audit
  }
  const flip = (column: string, at: number) =>
    `${column} = set_byte(${column}, ${at}, get_byte(${column}, ${at}) # 1)`

  test.each([
    ['an entry', 'entries', flip('entry', 40), 'index = 100', /entry 100 .*|another root/],
    ['a document', 'entries', flip('payload', 3), 'index = 100', /document of entry 100 is not/],
    ['a salt', 'entries', flip('salt', 3), 'index = 100', /document of entry 100 is not/],
    ['a tile', 'tiles', flip('hashes', 8191), 'level = 0 and index = 1', /tile 0\/1 is not/],
    ['the root of a tile', 'tiles', flip('root', 0), 'level = 0 and index = 0', /tile 0\/0 is not/],
    ['the head', 'log_head', flip('root', 31), 'true', /another root than the head/],
  ])('sees one bit turned in %s', async (_name, table, change, where, words) => {
    const statement = `update event_store.${table} set ${change} where ${where}`
    const audit = await spoil(table, statement, statement)
    expect(audit.intact).toBe(false)
    expect(audit.faults.join('\n')).toMatch(words)
    expect((await auditLog(store.open())).intact).toBe(true)
  })

  test('a damaged right edge is not written on: 503 log_unavailable', async () => {
    const statement = `update event_store.entries set ${flip('entry', 40)} where index = ${SIZE - 1}`
    const off = 'alter table event_store.entries disable trigger user'
    const on = 'alter table event_store.entries enable trigger user'
    await db.script(`${off}; ${statement}; ${on}`)
    const fresh = await startStore({}, { db, clock: store.clock })
    const answer = await fresh.api.post('/events', { events: [eventOf(SIZE + 1)] }, { token })
    expect([answer.status, answer.body.code]).toEqual([503, 'log_unavailable'])
    await db.script(`${off}; ${statement}; ${on}`)
    expect((await fresh.api.post('/events', { events: [eventOf(SIZE + 1)] }, { token })).status).toBe(200)
  })
})

describe('the keys', () => {
  const seed = Buffer.alloc(32, 11)
  const skey = formatSigningKey('named.example/log', seed)

  test('are made once and shared by every process', async () => {
    const again = await startStore({}, { db, clock: store.clock })
    expect(again.store.keys.log.verifier.text).toBe(key.text)
    expect(again.store.keys.witness.verifier.text).toBe(store.store.keys.witness.verifier.text)
    await expect(startStore({ EVENT_STORE_ORIGIN: 'other.example/log' }, { db })).rejects.toThrow(
      /keeps its name/,
    )
  })

  test('may be given by the operator; a new one signs the head as it stands', async () => {
    const own = await testDatabase()
    const env = { EVENT_STORE_ORIGIN: 'named.example/log', EVENT_STORE_SIGNING_KEY: skey }
    const first = await startStore(env, { db: own })
    await first.tell(3)
    const other = formatSigningKey('named.example/log', Buffer.alloc(32, 12))
    const second = await startStore({ ...env, EVENT_STORE_SIGNING_KEY: other }, { db: own })
    const note = (await second.api.get('/checkpoint')).text
    expect(openCheckpoint(note, [first.store.keys.log.verifier])).toBeNull()
    const verifier = parseVerifier(second.store.keys.log.verifier.text) as Verifier
    expect(openCheckpoint(note, [verifier])?.size).toBe(3)
    await expect(startStore({ EVENT_STORE_SIGNING_KEY: skey }, { db: own })).rejects.toThrow(/keeps its name/)
    const foreign = formatSigningKey('foreign.example/log', seed)
    await expect(
      startStore({ EVENT_STORE_ORIGIN: 'named.example/log', EVENT_STORE_SIGNING_KEY: foreign }, { db: own }),
    ).rejects.toThrow(/is a key of foreign/)
  })

  test('stand sealed in the database where SECRET_KEY is set', async () => {
    const own = await testDatabase()
    const secret = { SECRET_KEY: 's'.repeat(32) }
    const sealed = await startStore(secret, { db: own })
    const rows = await own.query<{ private_key: string }>('select private_key from event_store.server_keys')
    expect(rows.map((row) => row.private_key.slice(0, 4))).toEqual(['gcm:', 'gcm:'])
    expect((await startStore(secret, { db: own })).store.keys.log.verifier.text).toBe(
      sealed.store.keys.log.verifier.text,
    )
    await expect(startStore({}, { db: own })).rejects.toThrow(/SECRET_KEY is needed/)
  })
})
