/** Finds the life that facts are journaled in, and begins a new one where the database was restored. */
import { encodeBase64 } from '#core/base/tlog/note.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { type Arrival, appendJournal } from './append-journal.ts'
import { countFrom, findGround, findStanding, type Ground, insertLife, retellFrom } from './life-queries.ts'
import { type Life, type Service, sequenceIn, services, sourceOf } from './rules.ts'

const LABEL_BYTES = 4

/** What the journal has of a TEG that was put back to an older backup. */
export interface FormerTeg {
  /** Its last fact in the journal. */
  readonly source: string
  readonly sequence: bigint
  /** Indexes of its facts that the TEG has no more; null: it has all. */
  readonly only: { readonly first: bigint; readonly last: bigint; readonly count: bigint } | null
}

/**
 * The life at present; the journal must be locked. Where the incarnation was raised a new one begins: `source.restored` is
 * the first thing that each source says under its new name, behind what has to be told again.
 * @returns also the head of the journal where a life has begun, and what may be appended to now
 */
export async function enterLife(
  tx: Transaction,
  ctx: RegistryContext,
  formerTeg?: FormerTeg,
): Promise<{ life: Life; begun: bigint | null; ground: Ground }> {
  const found = await findGround(tx)
  if (found.incarnation <= found.number) return { life: found, begun: null, ground: found }
  const standing = await findStanding(tx)
  // Only what the EventStore has refused is told again: what else waits may be a repeat of what it has receipted.
  const refused = standing.refused === standing.told + 1n ? standing.refused : null
  const label = `${found.incarnation}-${Buffer.from(ctx.random(LABEL_BYTES)).toString('hex')}`
  const again = { registry: 0n, teg: 0n }
  if (refused !== null) for (const service of services) again[service] = await countFrom(tx, service, refused)
  const life: Life = {
    number: found.incarnation,
    label,
    registry_after: standing.registry,
    registry_shift: again.registry + 1n - standing.registry,
    teg_after: standing.teg,
    teg_shift: again.teg + 1n - standing.teg,
  }
  const reason = found.reason ?? 'the TEG has seen a later life of this database'
  await insertLife(tx, { ...life, first_index: standing.head + 1n, reason }, ctx.time)
  const name = ctx.config.REGISTRY_NAME
  if (refused !== null)
    for (const service of services)
      await retellFrom(tx, {
        index: refused,
        service,
        life: life.number,
        source: sourceOf(name, service, life),
      })
  const { origin, size, root } = standing
  const ledger = origin !== null && size !== null && root !== null ? { origin, size, root } : null
  const arrivals = services.map((service): Arrival => {
    const source = sourceOf(name, service, life)
    const data = {
      source,
      incarnation: label,
      reason,
      // The last that this database knows of the life before.
      before:
        service === 'teg' && formerTeg
          ? {
              source: formerTeg.source,
              sequence: String(formerTeg.sequence),
              index: Number(standing.head),
              only_in_journal: formerTeg.only && {
                first_index: Number(formerTeg.only.first),
                last_index: Number(formerTeg.only.last),
                count: Number(formerTeg.only.count),
              },
            }
          : {
              source: sourceOf(name, service, found),
              sequence: String(sequenceIn(found, service, standing[service])),
              index: Number(standing.head),
            },
      told_again: Number(again[service]),
      // What the EventStore had shown until then.
      ledger: ledger && { origin: ledger.origin, size: Number(ledger.size), root: encodeBase64(ledger.root) },
    }
    const fact = { id: ctx.newId(), type: 'source.restored', subject: `sources/${service}`, data }
    const number = sequenceIn(life, service, standing[service])
    return { source, number, fact: { ...fact, time: ctx.clock.now() }, audience: null, parties: null }
  })
  const { head } = appendJournal(tx, ctx, found, arrivals)
  ctx.log.warn({ task: 'relay', hint: label, index: String(head) }, 'the journal goes on after a restore')
  return { life, begun: head, ground: { ...found, ...life, head } }
}

/** The life in which a count of a service was journaled; `lives` with the newest first. */
export const lifeOf = (lives: readonly Life[], service: Service, count: bigint): Life =>
  lives.find((life) => life[`${service}_after`] < count) ?? (lives.at(-1) as Life)
