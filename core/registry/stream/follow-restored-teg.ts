/** Goes on behind a TEG whose database was restored from a backup: from the last number that it and the journal agree on. */
import type { RegistryContext } from '../context.ts'
import { enterLife, lifeOf } from './begin-life.ts'
import { compareFacts } from './compare-facts.ts'
import { RelayHalted } from './errors.ts'
import { findTegRowsFrom, listLives, raiseIncarnation } from './life-queries.ts'
import { findSource, lockJournal, restartSource } from './queries.ts'
import { sequenceIn, sourceOf } from './rules.ts'

/** Numbers before the last common one that are compared as well. */
const COMPARED_MAX = 500

/** Why the TEG is to be followed as a restored one. */
export interface TegRestore {
  readonly incarnation: string
  readonly reason: string
}

/**
 * Begins a new life of the journal: the TEG's facts behind the last common number come under a new source, behind a
 * `source.restored` that names the facts which only the journal has. All in one transaction; a second relay finds it done.
 * @returns the head of the journal; null when another relay was faster
 * @throws RelayHalted when what both should hold differs
 */
export async function followRestoredTeg(ctx: RegistryContext, restore: TegRestore): Promise<bigint | null> {
  const cursor = await findSource(ctx.db, 'teg')
  const kept = await findLastCommon(ctx, restore.incarnation, cursor.sequence)
  return ctx.db.transaction(async (tx) => {
    lockJournal(tx)
    const now = await findSource(tx, 'teg')
    if (now.sequence !== cursor.sequence || now.incarnation !== cursor.incarnation) return null
    if (now.incarnation === restore.incarnation && now.restored_reason === null) return null
    // A restore of the registry's own database that is waiting for its life has it first.
    await enterLife(tx, ctx)
    const lives = await listLives(tx)
    const last = lifeOf(lives, 'teg', cursor.sequence)
    const first = lifeOf(lives, 'teg', kept + 1n)
    const only =
      kept < cursor.sequence
        ? await findTegRowsFrom(tx, {
            source: sourceOf(ctx.config.REGISTRY_NAME, 'teg', first),
            sequence: sequenceIn(first, 'teg', kept + 1n),
          })
        : null
    await restartSource(tx, 'teg', kept, restore.incarnation)
    await raiseIncarnation(tx, restore.reason)
    const { begun } = await enterLife(tx, ctx, {
      source: sourceOf(ctx.config.REGISTRY_NAME, 'teg', last),
      sequence: sequenceIn(last, 'teg', cursor.sequence),
      only,
    })
    return begun
  })
}

/**
 * The last number at which the TEG and the journal say the same. What was true of a number stays true of it, so the numbers
 * that they agree on come first; where a look at many of them shows another picture, nothing is begun.
 */
async function findLastCommon(ctx: RegistryContext, incarnation: string, last: bigint): Promise<bigint> {
  const read = async (after: bigint, limit: number) => {
    const page = await ctx.teg.outbox(ctx, Number(after), limit)
    if (page.incarnation !== incarnation)
      throw new RelayHalted('its database was restored while it was looked at.')
    return page.items
  }
  const agreeOn = async (number: bigint) => {
    const [item] = await read(number - 1n, 1)
    if (!item || BigInt(item.number) !== number) return false
    const [verdict] = await compareFacts(ctx.db, ctx, [{ number, item }])
    if (verdict === 'unknown')
      throw new RelayHalted(`the journal does not hold number ${number} under its name.`)
    return verdict === 'same'
  }
  let [common, beyond] = [0n, last + 1n]
  while (beyond - common > 1n) {
    const middle = (common + beyond) / 2n
    if (await agreeOn(middle)) common = middle
    else beyond = middle
  }
  const after = common > BigInt(COMPARED_MAX) ? common - BigInt(COMPARED_MAX) : 0n
  const items = await read(after, Number(common - after) || 1)
  const facts = items.map((item) => ({ number: BigInt(item.number), item }))
  const known = facts.filter(({ number }) => number <= common)
  const verdicts = await compareFacts(ctx.db, ctx, known)
  const other = verdicts.findIndex((verdict) => verdict !== 'same')
  if (other >= 0 || known.length !== Number(common - after))
    throw new RelayHalted(
      `its history and the journal agree on number ${common}, but not on those before it.`,
    )
  return common
}
