/** Tiles, bundles, notes and checkpoints against a public log and the example of the specification. */
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatCheckpoint,
  formatProof,
  openCheckpoint,
  parseCheckpoint,
  parseProof,
  verifyProof,
} from '#core/base/tlog/checkpoint.ts'
import { decodeCommitment, encodeCommitment, hashPayload } from '#core/base/tlog/commitment.ts'
import { addLeaf, emptyEdge, hashLeaf, rootOf } from '#core/base/tlog/merkle.ts'
import {
  COSIGNATURE_ED25519,
  formatSigningKey,
  isSignedBy,
  openSigner,
  parseNote,
  parseSigningKey,
  parseVerifier,
  type Verifier,
} from '#core/base/tlog/note.ts'
import {
  decodeBundle,
  encodeBundle,
  foldInner,
  foldTile,
  formatTileIndex,
  parseTileIndex,
  pickInner,
  TILE_WIDTH,
  tilesOf,
  widthIn,
} from '#core/base/tlog/tiles.ts'

const folder = 'test/vectors/tlog/log'
const read = (path: string) => readFileSync(`${folder}/${path}`)
const known = parseVerifier(
  'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx',
) as Verifier

describe('a public log of 15 entries', () => {
  test.each(Array.from({ length: 16 }, (_, size) => size))(
    'at size %d has the root that it signed',
    (size) => {
      const checkpoint = openCheckpoint(read(`checkpoint.${size}`).toString(), [known])
      expect(checkpoint).toMatchObject({ origin: 'example.com/log/testdata', size })
      const edge = emptyEdge()
      if (size > 0) {
        const entries = decodeBundle(read(`tile/entries/${formatTileIndex(0, size)}`)) ?? []
        expect(Buffer.from(encodeBundle(entries))).toEqual(read(`tile/entries/${formatTileIndex(0, size)}`))
        const tile = read(`tile/0/${formatTileIndex(0, size)}`)
        for (const entry of entries) addLeaf(edge, hashLeaf(entry))
        expect(Buffer.concat(entries.map(hashLeaf))).toEqual(tile)
      }
      expect(Buffer.from(rootOf(edge))).toEqual(Buffer.from(checkpoint?.root ?? []))
    },
  )

  test('is all that the folder holds, and a checkpoint with one character changed is refused', () => {
    expect(readdirSync(folder).filter((name) => name.startsWith('checkpoint')).length).toBe(17)
    const note = read('checkpoint.15').toString()
    expect(openCheckpoint(note, [known])).not.toBeNull()
    expect(openCheckpoint(note.replace('\n15\n', '\n14\n'), [known])).toBeNull()
    expect(openCheckpoint(note.replace('luh4', 'luh5'), [known])).toBeNull()
    expect(openCheckpoint(note, [])).toBeNull()
  })
})

describe('tiles', () => {
  test('of a tree of 70,000 are those of the specification', () => {
    const tiles = tilesOf(70_000)
    const count = (level: number, full: boolean) =>
      tiles.filter((tile) => tile.level === level && (tile.width === 256) === full)
    expect(count(0, true)).toHaveLength(273)
    expect(count(0, false)).toEqual([{ level: 0, index: 273, width: 112 }])
    expect(count(1, true)).toHaveLength(1)
    expect(count(1, false)).toEqual([{ level: 1, index: 1, width: 17 }])
    expect(count(2, false)).toEqual([{ level: 2, index: 0, width: 1 }])
    expect(tiles).toHaveLength(277)
  })

  test('of a tree of 256 are a full one and a partial one of width 1 above it', () => {
    expect(tilesOf(256)).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ])
    expect(tilesOf(0)).toEqual([])
    expect([widthIn(70_000, 0, 273), widthIn(70_000, 0, 274), widthIn(70_000, 1, 0)]).toEqual([112, 0, 256])
  })

  test('have one path each', () => {
    expect(formatTileIndex(1_234_067)).toBe('x001/x234/067')
    expect(formatTileIndex(0)).toBe('000')
    expect(formatTileIndex(273, 112)).toBe('273.p/112')
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), fc.integer({ min: 1, max: 256 }), (index, width) => {
        expect(parseTileIndex(formatTileIndex(index, width))).toEqual({ index, width })
      }),
    )
  })

  test.each([
    '',
    '0',
    '0000',
    '1/000',
    'x000/000',
    '000.p/0',
    '000.p/256',
    '000.p/01',
    '000/',
    '000.p/1/',
    'x1/000',
    '../000',
  ])('have no path %j', (path) => {
    expect(parseTileIndex(path)).toBeNull()
  })

  test('hold entries of any bytes; a bundle that is cut off is refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
        const bundle = encodeBundle(entries)
        expect(decodeBundle(bundle)?.map((entry) => [...entry])).toEqual(entries.map((entry) => [...entry]))
        if (bundle.length > 0) {
          const cut = decodeBundle(bundle.subarray(0, bundle.length - 1))
          // Without its last byte it may still end where an empty last entry began.
          expect(cut === null || cut.length < entries.length).toBe(true)
        }
      }),
    )
  })
})

describe('notes', () => {
  const seed = Buffer.alloc(32, 7)
  const signer = openSigner('frame.example/event-store', seed)
  const witness = openSigner('witness.example/w1', Buffer.alloc(32, 9), COSIGNATURE_ED25519)
  const text = formatCheckpoint({ origin: 'frame.example/event-store', size: 3, root: Buffer.alloc(32, 1) })

  test('carry signatures of several keys; unknown ones are ignored, a false one of a known key spoils the note', () => {
    const stranger = openSigner('stranger.example', Buffer.alloc(32, 1))
    const note = `${text}\n${signer.sign(text)}${stranger.sign(text)}${witness.sign(text, 1_679_315_147)}`
    const parsed = parseNote(note)
    expect(parsed?.text).toBe(text)
    expect(parsed?.signatures).toHaveLength(3)
    if (!parsed) return
    expect(isSignedBy(parsed, [signer.verifier])).toBe(true)
    expect(isSignedBy(parsed, [witness.verifier])).toBe(true)
    expect(isSignedBy(parsed, [openSigner('other.example', seed).verifier])).toBe(false)
    const spoilt = parseNote(`${text}\n${signer.sign(text)}${witness.sign(`${text}x`, 1)}`)
    expect(spoilt && isSignedBy(spoilt, [signer.verifier, witness.verifier])).toBe(false)
    expect(spoilt && isSignedBy(spoilt, [signer.verifier])).toBe(true)
  })

  test('have keys with one spelling, bound to their name', () => {
    expect(parseVerifier(signer.verifier.text)?.id).toBe(signer.verifier.id)
    expect(parseVerifier(witness.verifier.text)?.type).toBe(COSIGNATURE_ED25519)
    expect(parseVerifier(signer.verifier.text.replace('frame', 'grame'))).toBeNull()
    expect(parseVerifier('a b+00000000+AA==')).toBeNull()
    expect(parseSigningKey(formatSigningKey('frame.example/event-store', seed))).toEqual({
      name: 'frame.example/event-store',
      seed: new Uint8Array(seed),
    })
    expect(parseSigningKey('PRIVATE+KEY+x+00000000+AA==')).toBeNull()
  })

  test.each([
    '',
    'a\n',
    'a\n\n',
    'a\n\nb\n',
    'a\n\n— b c\n',
    'a\u0001\n\n— b AAAAAAA=\n',
    'a\n\n— b AAAAAAA=',
  ])('that are malformed (%j) are no notes', (note) => {
    expect(parseNote(note)).toBeNull()
  })

  test.each([
    'x\n01\nAAAA\n',
    'x\n1\nAAAA\n',
    '\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n',
    'x\n-1\n\n',
  ])('with another text (%j) are no checkpoints', (bad) => {
    expect(parseCheckpoint(bad)).toBeNull()
  })
})

describe('an offline proof', () => {
  const seed = Buffer.alloc(32, 3)
  const signer = openSigner('frame.example/event-store', seed)
  const payload = Buffer.from('{"a":1}')
  const salt = Buffer.alloc(16, 5)
  const entry = encodeCommitment({
    source: '/registries/ninefold/teg',
    sequence: 1n,
    id: '01900000-0000-7000-8000-000000000001',
    payloadHash: hashPayload(salt, payload),
  })
  const other = hashLeaf(Buffer.from('other'))
  const edge = emptyEdge()
  addLeaf(edge, hashLeaf(entry))
  addLeaf(edge, other)
  const text = formatCheckpoint({ origin: 'frame.example/event-store', size: 2, root: rootOf(edge) })
  const written = formatProof({
    extra: entry,
    index: 0,
    proof: [other],
    checkpoint: `${text}\n${signer.sign(text)}`,
  })

  test('is read back and verified with nothing but the key', () => {
    const proof = parseProof(written)
    expect(proof).not.toBeNull()
    if (!proof) return
    expect(verifyProof(proof, proof.extra ?? new Uint8Array(), [signer.verifier])).toBe(true)
    expect(verifyProof({ ...proof, index: 1 }, entry, [signer.verifier])).toBe(false)
    expect(verifyProof(proof, Buffer.from('another entry'), [signer.verifier])).toBe(false)
    expect(verifyProof(proof, entry, [openSigner('x', Buffer.alloc(32)).verifier])).toBe(false)
    expect(decodeCommitment(entry)).toMatchObject({ source: '/registries/ninefold/teg', sequence: 1n })
  })

  test.each([
    ['another head', (text: string) => text.replace('@v1', '@v2')],
    ['an index with a leading zero', (text: string) => text.replace('index 0', 'index 00')],
    ['a hash that is too short', (text: string) => text.replace(/\n[A-Za-z0-9+/=]{44}\n\n/, '\nAAAA\n\n')],
    ['no checkpoint', (text: string) => text.slice(0, text.indexOf('\n\n'))],
  ])('is refused with %s', (_name, spoil) => {
    expect(parseProof(spoil(written))).toBeNull()
  })

  test('commits to the document: another salt or another byte is another entry', () => {
    const base = hashPayload(salt, payload)
    expect(Buffer.from(hashPayload(Buffer.alloc(16, 6), payload)).equals(base)).toBe(false)
    expect(Buffer.from(hashPayload(salt, Buffer.from('{"a":2}'))).equals(base)).toBe(false)
    const text = Buffer.from(entry).toString()
    for (const bad of [
      `${text}\n`,
      text.slice(0, -1),
      text.replace('\n1\n', '\n01\n'),
      text.replace('v1', 'v2'),
    ])
      expect(decodeCommitment(Buffer.from(bad))).toBeNull()
  })
})

describe('the inner hashes of a full tile', () => {
  const hashes = Buffer.concat(Array.from({ length: TILE_WIDTH }, (_, i) => hashLeaf(Buffer.from(`${i}`))))
  const inner = foldInner(hashes)

  test.each([2, 4, 8, 16, 32, 64, 128, 256])('over %i hashes are what folding them gives', (count) => {
    for (let start = 0; start < TILE_WIDTH; start += count)
      expect(Buffer.from(pickInner(inner, start, count))).toEqual(Buffer.from(foldTile(hashes, start, count)))
  })
})
