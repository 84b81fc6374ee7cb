/** Events of committed batches after a number; numbers have no gaps and never change. */
import type { z } from 'zod'
import type { Database } from '#core/platform/database/database.ts'
import { findIdentity } from '#core/platform/database/identity-queries.ts'
import type { OutboxItem, OutboxPage } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { type Fact, readFacts } from '../ledger/read-facts.ts'
import { type Movement, readMovements } from '../ledger/read-movements.ts'
import { showEnd, showIssue, showMovement } from './events.ts'
import {
  type EventKey,
  keepIdentity,
  numberOutbox,
  type Piece,
  readIncarnation,
  readMixedPiece,
  readPieces,
} from './queries.ts'

export async function readOutbox(
  ctx: TegContext,
  query: { after: number; limit: number },
): Promise<z.output<typeof OutboxPage>> {
  await noteIdentity(ctx)
  await numberOutbox(ctx.db)
  const pieces = await readPieces(ctx.db, BigInt(query.after), query.limit)
  return { incarnation: await readIncarnation(ctx.db), items: await readItems(ctx, pieces) }
}

/** The events of a page: those of pure movements in one statement, those of payment tokens by their keys. */
async function readItems(ctx: TegContext, pieces: readonly Piece[]): Promise<OutboxItem[]> {
  const plain = pieces.filter(({ mixed }) => !mixed)
  const rows = plain.length > 0 ? await readMovements(ctx, plain) : []
  const items: OutboxItem[] = []
  let taken = 0
  let at = 0
  for (const piece of pieces) {
    if (piece.mixed) {
      items.push(...(await readMixed(ctx, piece)))
      continue
    }
    taken++
    for (let { number } = piece; rows[at]?.place === taken; number++)
      items.push(showMovement(number, rows[at++] as Movement))
  }
  return items
}

async function readMixed(ctx: TegContext, piece: Piece): Promise<OutboxItem[]> {
  const keys = await readMixedPiece(ctx.db, piece)
  const facts = await readFacts(
    ctx,
    keys.map((key) => key.seq),
  )
  return keys.map((key) => showEvent(key, facts.get(key.seq) as Fact))
}

/** How often a process asks again which database it stands in. */
const LOOK_AGAIN_MS = 10_000
const LABEL_BYTES = 4
const looked = new WeakMap<Database, number>()

/** Finds out that the database was restored, before anything is told of it. */
async function noteIdentity(ctx: TegContext): Promise<void> {
  const now = ctx.clock.now().getTime()
  const before = looked.get(ctx.db.unbound)
  if (before !== undefined && now - before < LOOK_AGAIN_MS && now >= before) return
  const identity = await findIdentity(ctx.db)
  if (identity !== null)
    await keepIdentity(ctx.db, identity, Buffer.from(ctx.random(LABEL_BYTES)).toString('hex'))
  looked.set(ctx.db.unbound, now)
}

function showEvent({ number, what }: EventKey, fact: Fact): OutboxItem {
  switch (what) {
    case 0:
      return showMovement(number, fact.movement as NonNullable<Fact['movement']>)
    case 1:
      return showIssue(number, fact.issued as NonNullable<Fact['issued']>)
    default:
      return showEnd(number, fact)
  }
}
