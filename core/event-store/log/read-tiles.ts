/** Reads tiles and entry bundles as a tree of some size has them. */
import { HASH_BYTES } from '#core/base/tlog/merkle.ts'
import { encodeBundle, TILE_WIDTH, widthIn } from '#core/base/tlog/tiles.ts'
import type { EventStoreContext } from '../context.ts'
import type { TileCache } from '../open-tile-cache.ts'
import { findHead, findHeadWithTiles, findTiles, listEntries, type TileRow } from './queries.ts'

export type TileReader = (level: number, tile: number) => Uint8Array

type Place = { readonly level: number; readonly tile: number }

/** Reads several tiles at once, with at least the hashes that the tree of `size` leaves has in them. */
export async function readTiles(
  ctx: Pick<EventStoreContext, 'db' | 'tiles'>,
  wanted: readonly Place[],
  size: number,
): Promise<TileReader> {
  const { found, missing } = lookUp(ctx.tiles, wanted, size)
  if (missing.length > 0) {
    const rows = await findTiles(
      ctx.db,
      missing.map(({ level }) => level),
      missing.map(({ tile }) => tile),
    )
    keep(ctx.tiles, rows, found)
  }
  return readerOf(found)
}

/**
 * Reads the head and the tiles that are wanted of it, at once when the log still is about as large as it was: one statement
 * then, and no guess is needed for a tile that is full.
 * @param wantedOf the tiles for a head of that size; none when they are not to be read
 */
export async function readHeadWithTiles(
  ctx: Pick<EventStoreContext, 'db' | 'tiles'>,
  wantedOf: (headSize: number) => { readonly places: readonly Place[]; readonly size: number } | null,
) {
  const guess = wantedOf(ctx.tiles.sizeSeen)
  const guessed = lookUp(ctx.tiles, guess?.places ?? [], guess?.size ?? 0)
  const { head, tiles } = await findHeadWithTiles(
    ctx.db,
    guessed.missing.map(({ level }) => level),
    guessed.missing.map(({ tile }) => tile),
  )
  keep(ctx.tiles, tiles, guessed.found)
  const size = Number(head.size)
  ctx.tiles.sizeSeen = size
  const wanted = wantedOf(size)
  const read = wanted === null ? readerOf(guessed.found) : await readTiles(ctx, wanted.places, wanted.size)
  return { head: { size, root: head.root, checkpoint: head.checkpoint }, read }
}

const keyOf = ({ level, tile }: Place) => `${level}/${tile}`

function lookUp(tiles: TileCache, wanted: readonly Place[], size: number) {
  const found = new Map<string, Uint8Array | null>()
  const missing = new Map<string, Place>()
  for (const place of wanted) {
    const kept = tiles.get(place.level, place.tile, widthIn(size, place.level, place.tile))
    if (kept) found.set(keyOf(place), kept)
    else missing.set(keyOf(place), place)
  }
  return { found, missing: [...missing.values()] }
}

function keep(tiles: TileCache, rows: readonly TileRow[], found: Map<string, Uint8Array | null>): void {
  for (const { level, index, hashes } of rows) {
    const tile = Number(index)
    found.set(keyOf({ level, tile }), hashes)
    if (hashes) tiles.put(level, tile, hashes)
  }
}

const readerOf =
  (found: ReadonlyMap<string, Uint8Array | null>): TileReader =>
  (level, tile) =>
    found.get(keyOf({ level, tile })) ?? new Uint8Array()

/** The hashes of one tile, exactly `width` of them; null when the log is not that far. */
export async function readTile(
  ctx: EventStoreContext,
  { level, index, width }: { level: number; index: number; width: number },
): Promise<Uint8Array | null> {
  const size = Number((await findHead(ctx.db)).size)
  if (widthIn(size, level, index) < width) return null
  const read = await readTiles(ctx, [{ level, tile: index }], size)
  const bytes = read(level, index).subarray(0, width * HASH_BYTES)
  return bytes.length === width * HASH_BYTES ? bytes : null
}

/** The bytes of an entry bundle; null when the log is not that far. */
export async function readBundle(
  ctx: EventStoreContext,
  { index, width }: { index: number; width: number },
): Promise<Uint8Array | null> {
  const start = index * TILE_WIDTH
  const rows = await listEntries(ctx.db, start, start + width)
  return rows.length === width ? encodeBundle(rows.map(({ entry }) => entry)) : null
}
