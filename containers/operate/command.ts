/** What a command of the operator is: arguments and surroundings in, an exit code out. */
import { parseArgs } from 'node:util'

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly print: (text: string) => void
  /** All of the standard input; '' where a person sits there. */
  readonly read: () => Promise<string>
}

export type Command = (args: readonly string[], around: Surroundings) => Promise<number>

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Reads `--name value` and `--flag`, and what stands by itself. @throws UsageError */
export function readArgs<K extends string, F extends string = never>(
  args: readonly string[],
  values: readonly K[],
  flags: readonly F[] = [],
): { values: Partial<Record<K, string>>; flags: ReadonlySet<F>; rest: string[] } {
  try {
    const parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(values.map((name) => [name, { type: 'string' as const }])),
        ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' as const }])),
      },
    })
    const given = parsed.values as Record<string, string | boolean | undefined>
    return {
      values: Object.fromEntries(
        values.flatMap((name) => (given[name] ? [[name, given[name]]] : [])),
      ) as Partial<Record<K, string>>,
      flags: new Set(flags.filter((name) => given[name] === true)),
      rest: parsed.positionals,
    }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
