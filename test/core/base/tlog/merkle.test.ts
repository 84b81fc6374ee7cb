/** The tree and its proofs against the public vectors and against a model that follows RFC 6962 word by word. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addLeaf,
  EMPTY_ROOT,
  emptyEdge,
  type Hash,
  hashLeaf,
  hashNode,
  type Node,
  nodesOf,
  rootOf,
} from '#core/base/tlog/merkle.ts'
import {
  consistencySteps,
  inclusionSteps,
  verifyConsistency,
  verifyInclusion,
} from '#core/base/tlog/proofs.ts'
import { foldNodes, TILE_WIDTH, tilesOf } from '#core/base/tlog/tiles.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64')
const vectors = <T>(name: string): T[] =>
  readFileSync(`test/vectors/merkle/${name}.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

interface InclusionCase {
  name: string
  leafIdx: number
  treeSize: number
  root: string
  leafHash: string
  proof: string[] | null
  wantErr: boolean
}
interface ConsistencyCase {
  name: string
  size1: number
  size2: number
  root1: string
  root2: string
  proof: string[] | null
  wantErr: boolean
}

describe('the public vectors', () => {
  const inclusion = vectors<InclusionCase>('inclusion')
  const consistency = vectors<ConsistencyCase>('consistency')

  test.each(inclusion.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const valid = verifyInclusion({
      index: one.leafIdx,
      size: one.treeSize,
      leaf: bytes(one.leafHash),
      proof: (one.proof ?? []).map(bytes),
      root: bytes(one.root),
    })
    expect(valid).toBe(!one.wantErr)
  })

  test.each(consistency.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const valid = verifyConsistency({
      first: one.size1,
      second: one.size2,
      firstRoot: bytes(one.root1),
      secondRoot: bytes(one.root2),
      proof: (one.proof ?? []).map(bytes),
    })
    expect(valid).toBe(!one.wantErr)
  })

  test('are 98 of each kind', () => {
    expect([inclusion.length, consistency.length]).toEqual([98, 98])
  })
})

describe('hashes', () => {
  test('are those of RFC 6962', () => {
    expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(hex(hashLeaf(new Uint8Array()))).toBe(
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    )
    expect(hex(hashLeaf(Buffer.from('L123456')))).toBe(
      '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
    )
  })
})

/** MTH, PATH and PROOF as the RFC writes them. */
const split = (n: number) => 2 ** (Math.ceil(Math.log2(n)) - 1)
function mth(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leaves[0] as Hash
  const k = split(leaves.length)
  return hashNode(mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}
function path(m: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return m < k
    ? [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))]
}
function subproof(m: number, leaves: readonly Hash[], whole: boolean): Hash[] {
  const n = leaves.length
  if (m === n) return whole ? [] : [mth(leaves)]
  const k = split(n)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), mth(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))]
}

/** A tree grown leaf by leaf, with the tiles that a log would keep. */
function grow(size: number) {
  const leaves = Array.from({ length: size }, (_, i) => hashLeaf(Buffer.from(`leaf ${i}`)))
  const edge = emptyEdge()
  const nodes = new Map<string, Hash>()
  for (const leaf of leaves)
    addLeaf(edge, leaf, ({ height, index }, hash) => {
      nodes.set(`${height}/${index}`, hash)
    })
  const tiles = new Map(
    tilesOf(size).map(({ level, index, width }) => [
      `${level}/${index}`,
      Buffer.concat(
        Array.from({ length: width }, (_, i) => nodes.get(`${level * 8}/${index * TILE_WIDTH + i}`) as Hash),
      ),
    ]),
  )
  const fold = (step: readonly Node[]) =>
    foldNodes(step, (level, tile) => tiles.get(`${level}/${tile}`) as Uint8Array)
  return { leaves, edge, fold, nodes }
}

describe('a tree grown leaf by leaf', () => {
  test('has at every size the root of the model, and proofs equal to the model that verify', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1200 }), fc.nat(), fc.nat(), (size, a, b) => {
        const { leaves, edge, fold } = grow(size)
        const root = rootOf(edge)
        expect(hex(root)).toBe(hex(mth(leaves)))
        expect(hex(fold(nodesOf(0, size)))).toBe(hex(root))
        const index = a % size
        const proof = inclusionSteps(index, size).map(fold)
        expect(proof.map(hex)).toEqual(path(index, leaves).map(hex))
        const leaf = leaves[index] as Hash
        expect(verifyInclusion({ index, size, leaf, proof, root })).toBe(true)
        const first = 1 + (b % size)
        const consistency = consistencySteps(first, size).map(fold)
        expect(consistency.map(hex)).toEqual(subproof(first, leaves, true).map(hex))
        const firstRoot = mth(leaves.slice(0, first))
        const whole = { first, second: size, firstRoot, secondRoot: root, proof: consistency }
        expect(verifyConsistency(whole)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('a proof with any bit turned, any hash left out or another index does not verify', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 600 }), fc.nat(), fc.nat(), (size, a, b) => {
        const { leaves, edge, fold } = grow(size)
        const index = a % size
        const proof = inclusionSteps(index, size).map((step) => new Uint8Array(fold(step)))
        const good = { index, size, leaf: leaves[index] as Hash, proof, root: rootOf(edge) }
        const turned = b % (proof.length * 256)
        const bad = proof.map((hash, i) =>
          i === turned >> 8
            ? hash.map((byte, k) => (k === (turned & 255) >> 3 ? byte ^ (1 << (turned & 7)) : byte))
            : hash,
        )
        expect(verifyInclusion(good)).toBe(true)
        expect(verifyInclusion({ ...good, proof: bad })).toBe(false)
        expect(verifyInclusion({ ...good, proof: proof.slice(1) })).toBe(false)
        expect(verifyInclusion({ ...good, proof: [...proof, proof[0] as Hash] })).toBe(false)
        expect(verifyInclusion({ ...good, index: (index + 1) % size })).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('history that was rewritten is not consistent', () => {
    const { leaves } = grow(300)
    const forged = leaves.map((leaf, i) => (i === 17 ? hashLeaf(Buffer.from('forged')) : leaf))
    const proof = subproof(100, forged, true)
    const claim = { first: 100, second: 300, secondRoot: mth(forged), proof }
    expect(verifyConsistency({ ...claim, firstRoot: mth(leaves.slice(0, 100)) })).toBe(false)
    expect(verifyConsistency({ ...claim, firstRoot: mth(forged.slice(0, 100)) })).toBe(true)
  })
})
