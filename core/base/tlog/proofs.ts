/** Inclusion and consistency: which subtrees a proof is made of, and its verification (RFC 6962 2.1, RFC 9162 2.1.3-2.1.4). */
import { EMPTY_ROOT, HASH_BYTES, type Hash, hashNode, type Node, nodesOf, sameBytes } from './merkle.ts'

/** One hash of a proof: the fold over these adjacent subtrees. */
export type Step = readonly Node[]

/** The largest power of two below the width. */
function splitOf(width: number): number {
  let power = 1
  while (power * 2 < width) power *= 2
  return power
}

/** The steps of the proof that the leaf at `index` stands in the tree of `size` leaves, from the leaf upwards. */
export function inclusionSteps(index: number, size: number): Step[] {
  const steps: Step[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (index < middle) {
      steps.push(nodesOf(middle, end))
      end = middle
    } else {
      steps.push(nodesOf(start, middle))
      start = middle
    }
  }
  return steps.reverse()
}

/** The steps of the proof that the tree of `first` leaves is the beginning of the tree of `second` leaves. */
export function consistencySteps(first: number, second: number): Step[] {
  if (first === 0) return []
  const steps: Step[] = []
  let [start, end] = [0, second]
  while (first !== end) {
    const middle = start + splitOf(end - start)
    if (first <= middle) {
      steps.push(nodesOf(middle, end))
      end = middle
    } else {
      steps.push(nodesOf(start, middle))
      start = middle
    }
  }
  if (start > 0) steps.push(nodesOf(start, end))
  return steps.reverse()
}

const isOdd = (value: number) => value % 2 === 1
const half = (value: number) => Math.floor(value / 2)
const areHashes = (hashes: readonly Hash[]) => hashes.every((hash) => hash.length === HASH_BYTES)

export interface Inclusion {
  readonly index: number
  readonly size: number
  readonly leaf: Hash
  readonly proof: readonly Hash[]
  readonly root: Hash
}

/** True when the proof shows that the leaf stands at that index of the tree with that root. */
export function verifyInclusion({ index, size, leaf, proof, root }: Inclusion): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  if (!areHashes([leaf, root, ...proof])) return false
  let [at, last] = [index, size - 1]
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(at) || at === last) {
      hash = hashNode(sibling, hash)
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)]
    } else hash = hashNode(hash, sibling)
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && sameBytes(hash, root)
}

export interface Consistency {
  readonly first: number
  readonly second: number
  readonly firstRoot: Hash
  readonly secondRoot: Hash
  readonly proof: readonly Hash[]
}

/** True when the proof shows that the second tree only adds to the first. Every tree adds to the empty one. */
export function verifyConsistency({ first, second, firstRoot, secondRoot, proof }: Consistency): boolean {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 0 || first > second)
    return false
  if (first === 0 && !sameBytes(firstRoot, EMPTY_ROOT)) return false
  if (first === second) return proof.length === 0 && sameBytes(firstRoot, secondRoot)
  if (!areHashes([firstRoot, secondRoot, ...proof])) return false
  if (first === 0) return proof.length === 0
  let [at, last] = [first - 1, second - 1]
  while (isOdd(at)) [at, last] = [half(at), half(last)]
  // A first tree that is one perfect subtree is its own first step.
  const [start, ...rest] = at === 0 ? [firstRoot, ...proof] : proof
  if (start === undefined) return false
  let [before, after] = [start, start]
  for (const step of rest) {
    if (last === 0) return false
    if (isOdd(at) || at === last) {
      before = hashNode(step, before)
      after = hashNode(step, after)
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)]
    } else after = hashNode(after, step)
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && sameBytes(before, firstRoot) && sameBytes(after, secondRoot)
}
