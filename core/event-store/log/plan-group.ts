/** Judges requests against what the log holds, in their order: what is new, what is a repeat, what is refused. Pure. */
import { type Hash, sameBytes } from '#core/base/tlog/merkle.ts'

/** An event that is ready to be appended: shapes and rights were checked, its leaf is computed. */
export interface Submission {
  readonly source: string
  readonly sequence: bigint
  readonly type: string
  /** The exact bytes of the commitment. */
  readonly entry: Uint8Array
  readonly leaf: Hash
  /** The salt and behind it the document: what the commitment is over. */
  readonly salted: Uint8Array
}

/** What the log holds under a number that came again. */
export interface Known {
  readonly index: number
  readonly entry: Uint8Array
}

export type Verdict =
  /** `places`: for each event its index, and whether it was there before. */
  | { readonly kind: 'taken'; readonly places: readonly { index: number; duplicate: boolean }[] }
  | { readonly kind: 'gap'; readonly source: string; readonly expected: bigint }
  | { readonly kind: 'conflict'; readonly event: Submission; readonly known: Known }
  /** It repeats what another request of this group is just telling: judged again in the next group. */
  | { readonly kind: 'deferred' }

export interface Plan {
  readonly verdicts: readonly Verdict[]
  readonly fresh: readonly Submission[]
  /** Last number by source, of the sources that grow. */
  readonly moved: ReadonlyMap<string, bigint>
}

export interface Standing {
  readonly size: number
  /** The last number of a source; 0: none yet. */
  last(source: string): bigint
  /** What the log holds under a number up to the last one. */
  known(source: string, sequence: bigint): Known | undefined
}

/** Each request is taken whole or refused whole; a refused one leaves no trace in what follows. */
export function planGroup(standing: Standing, requests: readonly (readonly Submission[])[]): Plan {
  const fresh: Submission[] = []
  const moved = new Map<string, bigint>()
  const verdicts = requests.map((events): Verdict => {
    const judged = judgeRequest(standing, events, moved, standing.size + fresh.length)
    if (judged.kind !== 'taken') return judged
    for (const [i, event] of events.entries())
      if (!judged.places[i]?.duplicate) {
        fresh.push(event)
        moved.set(event.source, event.sequence)
      }
    return judged
  })
  return { verdicts, fresh, moved }
}

function judgeRequest(
  standing: Standing,
  events: readonly Submission[],
  moved: ReadonlyMap<string, bigint>,
  next: number,
): Verdict {
  const own = new Map<string, bigint>()
  const places: { index: number; duplicate: boolean }[] = []
  let index = next
  for (const event of events) {
    const { source, sequence } = event
    const committed = standing.last(source)
    const told = moved.get(source) ?? committed
    const last = own.get(source) ?? told
    if (sequence <= committed) {
      const known = standing.known(source, sequence)
      if (!known) throw new Error(`the log does not hold number ${sequence} of ${source}`)
      if (!sameBytes(known.entry, event.entry)) return { kind: 'conflict', event, known }
      places.push({ index: known.index, duplicate: true })
    } else if (sequence <= told) return { kind: 'deferred' }
    else if (sequence !== last + 1n) return { kind: 'gap', source, expected: last + 1n }
    else {
      own.set(source, sequence)
      places.push({ index: index++, duplicate: false })
    }
  }
  return { kind: 'taken', places }
}
