/**
 * Verifies a whole tlog-tiles log over HTTP, trusting nothing but the key of its checkpoints:
 * `npm run verify:log -- <url> <key> [file of the last checkpoint]`. Exit code 0: the log is what its key signed and only
 * adds to the checkpoint seen before; 1: it is not; 2: it could not be read, or the call is wrong.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type Checkpoint, openCheckpoint } from '#core/base/tlog/checkpoint.ts'
import {
  addLeaf,
  type Edge,
  emptyEdge,
  type Hash,
  hashLeaf,
  rootOf,
  sameBytes,
} from '#core/base/tlog/merkle.ts'
import { parseVerifier, type Verifier } from '#core/base/tlog/note.ts'
import { decodeBundle, formatTileIndex, TILE_WIDTH, tilesOf } from '#core/base/tlog/tiles.ts'

const say = (text: string) => void process.stdout.write(`${text}\n`)
const TRIES = 4
const TIMEOUT_MS = 30_000
const AT_ONCE = 8
const BYTES_MAX = 64 * 1024 * 1024

/** The log is not what it should be. */
class Mismatch extends Error {}
/** Nothing can be said about the log. */
class Unreadable extends Error {}

async function main(): Promise<number> {
  const [url, key, file] = process.argv.slice(2)
  const verifier = key === undefined ? null : parseVerifier(key)
  if (url === undefined || !URL.canParse(url) || !verifier) {
    say('usage: npm run verify:log -- <url of the log> <name+id+key> [file that keeps the last checkpoint]')
    return 2
  }
  try {
    await verify(url.replace(/\/$/, ''), verifier, file)
    return 0
  } catch (error) {
    if (error instanceof Mismatch) {
      say(`FAILED: ${error.message}`)
      return 1
    }
    say(`could not verify: ${(error as Error).message}`)
    return 2
  }
}

async function verify(url: string, verifier: Verifier, file: string | undefined): Promise<void> {
  const before = readBefore(file, verifier)
  const note = new TextDecoder().decode(await read(`${url}/checkpoint`))
  const checkpoint = openCheckpoint(note, [verifier])
  if (!checkpoint) throw new Mismatch('the checkpoint is malformed or not signed by the key')
  if (checkpoint.origin !== verifier.name)
    throw new Mismatch(`the checkpoint is of ${checkpoint.origin}, and the key of ${verifier.name}`)
  say(`checkpoint of ${checkpoint.origin}: ${checkpoint.size} entries, signed by ${verifier.id}`)
  if (before && before.size > checkpoint.size)
    throw new Mismatch(`the log had ${before.size} entries before and has ${checkpoint.size} now`)
  const seen = await readEntries(url, checkpoint, before)
  if (before && seen && !sameBytes(seen, before.root))
    throw new Mismatch(`its first ${before.size} entries are others than before: history was rewritten`)
  if (before) say(`continues the checkpoint of ${before.size} entries that was seen before`)
  if (file !== undefined) keep(file, note)
  say(`OK: ${checkpoint.size} entries give the root that was signed, and every tile holds what they give`)
}

function readBefore(file: string | undefined, verifier: Verifier): Checkpoint | null {
  if (file === undefined || !existsSync(file)) return null
  const before = openCheckpoint(readFileSync(file, 'utf8'), [verifier])
  if (!before) throw new Unreadable(`${file} holds no checkpoint of this key`)
  return before
}

/** @returns the root over the entries that were there before, recomputed from what the log serves now */
async function readEntries(
  url: string,
  checkpoint: Checkpoint,
  before: Checkpoint | null,
): Promise<Hash | null> {
  const edge = emptyEdge()
  const levels: Hash[][] = []
  let seen: Hash | null = before?.size === 0 ? rootOf(edge) : null
  const bundles = tilesOf(checkpoint.size).filter(({ level }) => level === 0)
  for (let at = 0; at < bundles.length; at += AT_ONCE) {
    const some = bundles.slice(at, at + AT_ONCE)
    const texts = await Promise.all(
      some.map(({ index, width }) => read(`${url}/tile/entries/${formatTileIndex(index, width)}`)),
    )
    for (const [i, bytes] of texts.entries()) {
      const entries = decodeBundle(bytes)
      if (!entries || entries.length !== some[i]?.width)
        throw new Mismatch(`bundle ${some[i]?.index} does not hold ${some[i]?.width} entries`)
      for (const entry of entries) {
        grow(edge, levels, hashLeaf(entry))
        if (edge.size === before?.size) seen = rootOf(edge)
      }
    }
  }
  if (!sameBytes(rootOf(edge), checkpoint.root))
    throw new Mismatch('the entries give another root than the one that was signed')
  await compareTiles(url, checkpoint.size, levels)
  return seen
}

function grow(edge: Edge, levels: Hash[][], leaf: Hash): void {
  addLeaf(edge, leaf, ({ height }, hash) => {
    if (height % 8 !== 0) return
    const level = height / 8
    levels[level] ??= []
    levels[level].push(hash)
  })
}

async function compareTiles(url: string, size: number, levels: readonly Hash[][]): Promise<void> {
  const tiles = tilesOf(size)
  for (let at = 0; at < tiles.length; at += AT_ONCE)
    await Promise.all(
      tiles.slice(at, at + AT_ONCE).map(async ({ level, index, width }) => {
        const path = `tile/${level}/${formatTileIndex(index, width)}`
        const start = index * TILE_WIDTH
        const wanted = Buffer.concat(levels[level]?.slice(start, start + width) ?? [])
        if (!sameBytes(await read(`${url}/${path}`), wanted))
          throw new Mismatch(`${path} does not hold what the entries give`)
      }),
    )
}

/** Written beside and renamed: a crash leaves the old one. */
function keep(file: string, note: string): void {
  writeFileSync(`${file}.new`, note)
  renameSync(`${file}.new`, file)
}

async function read(url: string): Promise<Uint8Array> {
  let words = ''
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      const reply = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      if (reply.status === 200) {
        const bytes = new Uint8Array(await reply.arrayBuffer())
        if (bytes.length > BYTES_MAX) throw new Unreadable(`${url} is too large`)
        return bytes
      }
      await reply.arrayBuffer()
      words = `${url} answered ${reply.status}`
      // What a signed checkpoint covers must be there.
      if (reply.status === 404 && url.includes('/tile/')) throw new Mismatch(words)
      if (reply.status < 500 && reply.status !== 429) break
    } catch (error) {
      if (error instanceof Mismatch) throw error
      words = `${url} did not answer (${(error as Error).message})`
    }
    if (attempt < TRIES) await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt))
  }
  throw new Unreadable(words)
}

process.exitCode = await main()
