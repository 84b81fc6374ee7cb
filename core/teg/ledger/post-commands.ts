/** Posts commands to the gate. */

import type { z } from 'zod'
import type { Log } from '#core/platform/log.ts'
import type { CallsOfBatch, OutcomeBatch } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import type { ParsedCommand } from './encode-commands.ts'

/**
 * @param calls the requests that the commands came with, where they are several
 * @throws 503 overloaded, 503 ledger_unavailable: the log then names each of those requests
 */
export async function postCommands(
  ctx: TegContext,
  commands: readonly ParsedCommand[],
  calls: CallsOfBatch = [[ctx.requestId, commands.length]],
): Promise<z.output<typeof OutcomeBatch>> {
  const several = calls.length > 1
  if (several && ctx.log.isDebug) logCalls(ctx.log, calls, 'debug', 'commands of several requests')
  try {
    return { outcomes: await ctx.gate.post(commands, ctx.signal, calls) }
  } catch (error) {
    if (several) logCalls(ctx.log, calls, 'error', 'commands of several requests failed')
    throw error
  }
}

/** Ids in one line. */
const IDS_MAX = 100

/** Writes as many lines as it takes: each request of the batch stands in one, behind the batch's own `request_id`. */
function logCalls(log: Log, calls: CallsOfBatch, write: 'debug' | 'error', message: string): void {
  for (let at = 0; at < calls.length; at += IDS_MAX) {
    const ids = calls.slice(at, at + IDS_MAX).map(([id]) => id)
    log[write]({ request_ids: ids.join(' '), count: calls.length }, message)
  }
}
