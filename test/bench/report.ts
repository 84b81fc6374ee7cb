/** What every bench ends with: one line of JSON, exit code 0 whatever was measured. */

export interface Report {
  readonly bench: string
  readonly figures: Readonly<Record<string, number>>
  /** Figures that hold on other machines too. */
  readonly ratios: Readonly<Record<string, number>>
  /** Further aims and how far each is. */
  readonly goals: Readonly<Record<string, { wanted: number; measured: number; reached: boolean }>>
  /** Required values that were not met. */
  readonly missed: readonly string[]
}

export interface Bound {
  /** Required. */
  readonly required?: number
  /** Aimed at. */
  readonly goal?: number
  readonly better: 'less' | 'more'
}

/** Judges what was measured by its bounds. */
export function judgeReport(
  bench: string,
  figures: Record<string, number>,
  ratios: Record<string, number>,
  bounds: Readonly<Record<string, Bound>>,
): Report {
  const measured: Record<string, number> = { ...figures, ...ratios }
  const meets = (value: number, wanted: number, better: Bound['better']) =>
    better === 'less' ? value <= wanted : value >= wanted
  const goals: Record<string, { wanted: number; measured: number; reached: boolean }> = {}
  const missed: string[] = []
  for (const [name, { required, goal, better }] of Object.entries(bounds)) {
    const value = measured[name] ?? Number.NaN
    if (required !== undefined && !meets(value, required, better))
      missed.push(`${name}: ${value}, required ${better === 'less' ? 'at most' : 'at least'} ${required}`)
    if (goal !== undefined)
      goals[name] = { wanted: goal, measured: value, reached: meets(value, goal, better) }
  }
  return { bench, figures, ratios, goals, missed }
}

/** Prints the last line of a bench. */
export function printReport(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

/** Prints a line on the way there. */
export const say = (text: string): void => void process.stdout.write(`${text}\n`)

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Three significant digits: more would be noise. */
export const round = (value: number): number => Number(value.toPrecision(3))

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
