/** Posts commands to the gate. */

import type { z } from 'zod'
import type { OutcomeBatch } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import type { ParsedCommand } from './encode-commands.ts'

export async function postCommands(
  ctx: TegContext,
  commands: readonly ParsedCommand[],
): Promise<z.output<typeof OutcomeBatch>> {
  return { outcomes: await ctx.gate.post(commands, ctx.signal) }
}
