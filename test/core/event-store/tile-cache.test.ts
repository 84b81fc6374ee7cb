import { describe, expect, test } from 'vitest'
import { HASH_BYTES, sha256 } from '#core/base/tlog/merkle.ts'
import { foldTile, TILE_WIDTH } from '#core/base/tlog/tiles.ts'
import { openTileCache } from '#core/event-store/open-tile-cache.ts'
import { proveInclusion, writeReceipt } from '#core/event-store/proofs/prove-inclusion.ts'
import { withMethods } from '#test/support/database.ts'
import { startStore } from '#test/support/event-store.ts'

const tileOf = (width: number) =>
  Buffer.concat(Array.from({ length: width }, (_, i) => sha256(Buffer.from([i]))))

describe('kept tiles', () => {
  test('hold no more bytes than they may, the hashes inside of them included; the one used longest ago goes first', () => {
    const tiles = openTileCache(3 * (TILE_WIDTH * HASH_BYTES + 512))
    const full = tileOf(TILE_WIDTH)
    for (const tile of [0, 1, 2]) tiles.put(0, tile, full)
    expect(tiles.get(0, 0, TILE_WIDTH)).toEqual(full)
    tiles.put(0, 3, full)
    expect(tiles.get(0, 1, TILE_WIDTH)).toBeUndefined()
    expect(tiles.get(0, 0, TILE_WIDTH)).toEqual(full)
    expect(Buffer.from(tiles.fold(0, 3, 0, TILE_WIDTH) ?? [])).toEqual(
      Buffer.from(foldTile(full, 0, TILE_WIDTH)),
    )
    expect([0, 2, 3].filter((tile) => tiles.get(0, tile, TILE_WIDTH))).toHaveLength(2)
  })

  test('count a tile that has grown once', () => {
    const tiles = openTileCache(2 * (TILE_WIDTH * HASH_BYTES + 512))
    for (let width = 1; width <= TILE_WIDTH; width++) tiles.put(0, 0, tileOf(width))
    tiles.put(0, 1, tileOf(TILE_WIDTH))
    expect(tiles.get(0, 0, TILE_WIDTH)).toBeDefined()
    expect(tiles.get(0, 1, TILE_WIDTH)).toBeDefined()
  })
})

describe('what a proof reads', () => {
  test('is one statement, whatever leaf is asked for, also when the log has grown since', async () => {
    const { open, tell } = await startStore()
    await tell(700)
    const ctx = open()
    let statements = 0
    const watched = {
      ...ctx,
      tiles: openTileCache(),
      db: withMethods(ctx.db, {
        query: <R>(text: string, params?: readonly unknown[]) => {
          statements++
          return ctx.db.query<R>(text, params)
        },
      }),
    }
    const cost = async (index: number) => {
      const before = statements
      const proof = await proveInclusion(watched, { index, size: undefined })
      expect(proof.index).toBe(index)
      return statements - before
    }
    // Of a log that was never read the size is not known.
    expect(await cost(0)).toBe(2)
    expect(await cost(1)).toBe(1)
    expect(await cost(300)).toBe(1)
    expect(await cost(699)).toBe(1)
    await tell(1)
    const grown = await proveInclusion(watched, { index: 5, size: undefined })
    expect(grown.size).toBe(701)
    expect(await cost(700)).toBe(1)
    expect(await writeReceipt(watched, { index: 700 })).toContain('index 700')
    await expect(writeReceipt(watched, { index: 701 })).rejects.toMatchObject({ code: 'not_found' })
    await expect(proveInclusion(watched, { index: 5, size: 702 })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect((await proveInclusion(watched, { index: 5, size: 300 })).size).toBe(300)
  })
})
