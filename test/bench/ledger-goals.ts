/** The rows of the ledger's table: what is required first, what is aimed at, how each is told. */
import type { Bound } from './report.ts'

export interface GoalRow extends Bound {
  readonly title: string
  /** Of the ratio: N = pgbench -N, B = pgbench's TPC-B, each with 8 clients. */
  readonly unit: string
  readonly required: number
}

export const goalRows: Readonly<Record<string, GoalRow>> = {
  uniform_to_n: {
    title: 'gate, 256 callers, 100,000 accounts',
    unit: 'N',
    required: 4,
    goal: 6,
    better: 'more',
  },
  uniform_to_b: { title: 'the same', unit: 'B', required: 5, better: 'more' },
  zipf_to_n: {
    title: 'gate, 256 callers, Zipf 1.0 over 100,000 accounts',
    unit: 'N',
    required: 6,
    goal: 8,
    better: 'more',
  },
  thousand_to_n: {
    title: 'gate, 256 callers, 1,000 accounts',
    unit: 'N',
    required: 6,
    goal: 8,
    better: 'more',
  },
  one_account_to_n: {
    title: 'gate, 256 callers, all pay one account',
    unit: 'N',
    required: 4,
    goal: 8,
    better: 'more',
  },
  one_account_to_uniform: { title: 'the same', unit: 'x uniform', required: 1, better: 'more' },
  http_single_to_n: {
    title: 'POST /transfers end to end, 256 connections',
    unit: 'N',
    required: 0.6,
    goal: 1,
    better: 'more',
  },
  http_batch_to_n: {
    title: 'POST /transfers/batch end to end, 16 connections of 200',
    unit: 'N',
    required: 3,
    goal: 4,
    better: 'more',
  },
  backend_cpu_us: {
    title: 'backend CPU per transfer, batch >= 256',
    unit: 'us',
    required: 35,
    goal: 28,
    better: 'less',
  },
  disk_bytes: {
    title: 'disk per transfer, ledger and outbox',
    unit: 'B',
    required: 300,
    goal: 250,
    better: 'less',
  },
  single_latency_to_n1: {
    title: 'one idle caller, mean latency',
    unit: 'x pgbench -N, 1 client',
    required: 1.5,
    goal: 1.2,
    better: 'less',
  },
  supply_audit_s: {
    title: 'supply audit, 1,000,000 accounts',
    unit: 's',
    required: 0.5,
    goal: 0.3,
    better: 'less',
  },
}

/** The table as Markdown. */
export function tableOf(measured: Readonly<Record<string, number>>): string[] {
  const lines = Object.entries(goalRows).map(([name, row]) => {
    const value = measured[name] ?? Number.NaN
    return `| ${row.title} | ${bound(row, row.required)} | ${row.goal === undefined ? '' : bound(row, row.goal)} | ${shown(value)} ${row.unit} | ${verdict(row, value)} |`
  })
  return ['| path | first landing | goal | measured | verdict |', '|---|---|---|---|---|', ...lines]
}

const shown = (value: number) => Number(value.toPrecision(3)).toString()
const bound = (row: GoalRow, value: number) => `${row.better === 'less' ? '<=' : '>='} ${value} ${row.unit}`

function verdict(row: GoalRow, value: number): string {
  const meets = (wanted: number) => (row.better === 'less' ? value <= wanted : value >= wanted)
  if (!meets(row.required)) return '**missed**'
  return row.goal !== undefined && meets(row.goal) ? 'goal' : 'landed'
}
