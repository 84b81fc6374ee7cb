/** Reads tiles and entry bundles as a tree of some size has them. */
import { HASH_BYTES } from '#core/base/tlog/merkle.ts'
import { encodeBundle, TILE_WIDTH, widthIn } from '#core/base/tlog/tiles.ts'
import type { EventStoreContext } from '../context.ts'
import { findHead, findTiles, listEntries } from './queries.ts'

export type TileReader = (level: number, tile: number) => Uint8Array

/** Reads several tiles at once, with at least the hashes that the tree of `size` leaves has in them. */
export async function readTiles(
  ctx: Pick<EventStoreContext, 'db' | 'tiles'>,
  wanted: readonly { level: number; tile: number }[],
  size: number,
): Promise<TileReader> {
  const keys = new Map(wanted.map((one) => [`${one.level}/${one.tile}`, one]))
  const found = new Map<string, Uint8Array | null>()
  for (const [key, { level, tile }] of keys) {
    const kept = ctx.tiles.get(level, tile, widthIn(size, level, tile))
    if (kept) found.set(key, kept)
  }
  const list = [...keys].filter(([key]) => !found.has(key)).map(([, one]) => one)
  const rows =
    list.length === 0
      ? []
      : await findTiles(
          ctx.db,
          list.map(({ level }) => level),
          list.map(({ tile }) => tile),
        )
  for (const { level, index, hashes } of rows) {
    found.set(`${level}/${index}`, hashes)
    if (hashes) ctx.tiles.put(level, Number(index), hashes)
  }
  return (level, tile) => found.get(`${level}/${tile}`) ?? new Uint8Array()
}

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
