/** Recomputes the whole log from its entries and compares everything that is kept beside them. */
import { openCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { decodeCommitment, hashPayload } from '#core/base/tlog/commitment.ts'
import { hashLeaf, sameBytes } from '#core/base/tlog/merkle.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import type { Audit } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { emptyTree, type FullTile, growTree, treeRoot } from './grow-tree.ts'
import { findHead, findKeptTiles, listWhole, type WholeRow } from './queries.ts'

const PAGE = 2048
const FAULTS_MAX = 100

/** Reads the log page by page up to the head of the moment; what is appended meanwhile is not looked at. */
export async function auditLog(ctx: EventStoreContext): Promise<Audit> {
  const head = await findHead(ctx.db)
  const size = Number(head.size)
  const faults: string[] = []
  const note = (fault: string) => {
    if (faults.length < FAULTS_MAX) faults.push(fault)
  }
  const tree = emptyTree()
  let erased = 0
  for (let start = 0; start < size; start += PAGE) {
    const end = Math.min(size, start + PAGE)
    const rows = await listWhole(ctx.db, start, end)
    if (rows.length < end - start) {
      note(`entries are missing between ${start} and ${end}`)
      break
    }
    for (const row of rows) {
      checkRow(row, note)
      if (row.payload === null) erased++
    }
    const full = growTree(
      tree,
      rows.map(({ entry }) => hashLeaf(entry)),
    )
    await checkTiles(ctx, full, note)
  }
  const root = treeRoot(tree)
  if (!sameBytes(root, head.root)) note('the entries give another root than the head')
  const signed = openCheckpoint(head.checkpoint, [ctx.keys.log.verifier])
  if (signed?.size !== size || !sameBytes(signed.root, head.root))
    note('the checkpoint does not sign the head under the key of this log')
  return {
    size,
    root: encodeBase64(root),
    signed_root: encodeBase64(head.root),
    erased,
    intact: faults.length === 0,
    faults,
  }
}

function checkRow(row: WholeRow, note: (fault: string) => void): void {
  const commitment = decodeCommitment(row.entry)
  if (!commitment) {
    note(`entry ${row.index} is malformed`)
    return
  }
  if (commitment.source !== row.source || commitment.sequence !== row.sequence)
    note(`entry ${row.index} stands under another source or number than it names`)
  if (row.payload === null || row.salt === null) {
    if (!row.erased) note(`the document of entry ${row.index} is gone without an erasure on record`)
  } else if (!sameBytes(hashPayload(row.salt, row.payload), commitment.payloadHash))
    note(`the document of entry ${row.index} is not the one it commits to`)
}

async function checkTiles(
  ctx: EventStoreContext,
  full: readonly FullTile[],
  note: (fault: string) => void,
): Promise<void> {
  if (full.length === 0) return
  const rows = await findKeptTiles(
    ctx.db,
    full.map(({ level }) => level),
    full.map(({ index }) => index),
  )
  const kept = new Map(rows.map((row) => [`${row.level}/${row.index}`, row]))
  for (const tile of full) {
    const row = kept.get(`${tile.level}/${tile.index}`)
    if (!row) note(`tile ${tile.level}/${tile.index} is missing`)
    else if (!sameBytes(row.hashes, tile.hashes) || !sameBytes(row.root, tile.root))
      note(`tile ${tile.level}/${tile.index} is not what the entries give`)
  }
}
