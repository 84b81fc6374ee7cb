/** RFC 6962 hashing and the right edge of a growing tree: leaf = SHA-256(0x00, entry), node = SHA-256(0x01, left, right). */
import { hash as hashBytes } from 'node:crypto'

/** 32 bytes. */
export type Hash = Uint8Array
export const HASH_BYTES = 32

/** By way of a text of 32 characters: a buffer from the engine is memory of its own, which costs twice the hash. */
export const sha256 = (data: Uint8Array): Hash => Buffer.from(hashText(data), 'latin1')
/** The same as 32 characters, for whoever has a place for the bytes. */
export const hashText = (data: Uint8Array): string => hashBytes('sha256', data, 'binary')
/** The root of a tree without leaves. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array())

const pair = new Uint8Array(1 + 2 * HASH_BYTES)
pair[0] = 1

export function hashNode(left: Hash, right: Hash): Hash {
  pair.set(left, 1)
  pair.set(right, 1 + HASH_BYTES)
  return sha256(pair)
}

const small = new Uint8Array(1024)

export function hashLeaf(entry: Uint8Array): Hash {
  const size = 1 + entry.length
  const input = size <= small.length ? small.subarray(0, size) : new Uint8Array(size)
  input.set(entry, 1)
  return sha256(input)
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** The perfect subtree of `2 ** height` leaves that begins at leaf `index * 2 ** height`. */
export interface Node {
  readonly height: number
  readonly index: number
}

/** The right edge of a tree: the roots of its perfect subtrees, the largest first. Sizes stay below 2 ** 53. */
export interface Edge {
  size: number
  readonly peaks: Hash[]
}

export const emptyEdge = (): Edge => ({ size: 0, peaks: [] })
export const copyEdge = (edge: Edge): Edge => ({ size: edge.size, peaks: [...edge.peaks] })

/** Adds a leaf; `onNode` is told the leaf and every perfect subtree that it completes, upwards. */
export function addLeaf(edge: Edge, leaf: Hash, onNode?: (node: Node, hash: Hash) => void): void {
  let node = leaf
  let index = edge.size
  let height = 0
  onNode?.({ height, index }, node)
  while (index % 2 === 1) {
    node = hashNode(edge.peaks.pop() as Hash, node)
    index = (index - 1) / 2
    height++
    onNode?.({ height, index }, node)
  }
  edge.peaks.push(node)
  edge.size++
}

export const rootOf = (edge: Edge): Hash => (edge.size === 0 ? EMPTY_ROOT : foldPeaks(edge.peaks))

/** The hash over adjacent perfect subtrees, the largest first. */
export const foldPeaks = (peaks: readonly Hash[]): Hash =>
  peaks.reduceRight((right, left) => hashNode(left, right))

/** The perfect subtrees of the leaves from `start` up to `end`, the largest first; `start` is aligned to the largest. */
export function nodesOf(start: number, end: number): Node[] {
  const nodes: Node[] = []
  for (let at = start; at < end; ) {
    let [height, width] = [0, 1]
    while (width * 2 <= end - at) [height, width] = [height + 1, width * 2]
    nodes.push({ height, index: at / width })
    at += width
  }
  return nodes
}
