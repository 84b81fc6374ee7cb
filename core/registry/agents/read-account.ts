/** Reads an agent's money at the TEG: balance, and statement as JSON or CSV. */

import type { Page } from '#core/base/page.ts'
import { type Balance, StatementItem } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { requireAgent, requireInsight } from './find-agent.ts'
import type { AgentRow } from './queries.ts'

const NOTHING: Balance = { available: '0', held: '0', staked: '0', unbonding: '0', total: '0' }

/** The balance now or at a moment. @throws 404 agent_not_found to those who may not see it */
export async function readBalance(
  ctx: RegistryContext,
  ref: string,
  at: string | undefined,
): Promise<Balance> {
  const row = await requireVisible(ctx, ref)
  return (await ctx.teg.balance(ctx, row.id, at)) ?? NOTHING
}

export interface StatementAsk {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** A page of the statement, newest first; CSV with a Link to the next page where Accept prefers it. */
export async function readStatement(
  ctx: RegistryContext,
  ref: string,
  ask: StatementAsk,
  accept: string | undefined,
): Promise<Page<StatementItem> | Response> {
  const row = await requireVisible(ctx, ref)
  const page = (await ctx.teg.statement(ctx, row.id, {
    ...(ask.from === undefined ? {} : { from: ask.from }),
    ...(ask.to === undefined ? {} : { to: ask.to }),
    limit: ask.limit,
    ...(ask.cursor === undefined ? {} : { cursor: ask.cursor }),
  })) ?? { items: [], next_cursor: null }
  return prefersCsv(accept) ? toCsv(page, ask, row) : page
}

async function requireVisible(ctx: RegistryContext, ref: string): Promise<AgentRow> {
  const row = await requireAgent(ctx.db, ref)
  requireInsight(ctx.caller, row, ref)
  return row
}

/** True when text/csv stands in Accept with a higher weight than JSON. */
export function prefersCsv(accept: string | undefined): boolean {
  let [csv, json] = [0, 0]
  for (const part of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const weight = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1) || 0
    if (type === 'text/csv') csv = Math.max(csv, weight)
    else if (type === 'application/json') json = Math.max(json, weight)
  }
  return csv > json
}

const COLUMNS = Object.keys(StatementItem.shape) as (keyof StatementItem)[]

/** RFC 4180. No cell can begin a formula: ids, amounts, times and dids only. */
function toCsv(page: Page<StatementItem>, ask: StatementAsk, row: AgentRow): Response {
  const lines = [
    COLUMNS.join(','),
    ...page.items.map((item) => COLUMNS.map((name) => cell(item[name])).join(',')),
  ]
  const next = new URLSearchParams({
    ...(ask.from ? { from: ask.from } : {}),
    ...(ask.to ? { to: ask.to } : {}),
    limit: String(ask.limit),
    cursor: page.next_cursor ?? '',
  })
  return new Response(`${lines.join('\r\n')}\r\n`, {
    headers: {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': `attachment; filename="statement-${row.slug}.csv"`,
      'cache-control': 'no-store',
      vary: 'Accept',
      ...(page.next_cursor === null ? {} : { link: `<?${next}>; rel="next"` }),
    },
  })
}

const cell = (value: unknown): string => {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
