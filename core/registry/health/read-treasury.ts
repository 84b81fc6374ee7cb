/** The treasury: where fees go. */
import type { z } from 'zod'
import type { Treasury } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'

export const readTreasury = (ctx: RegistryContext): Promise<z.output<typeof Treasury>> =>
  ctx.teg.treasury(ctx)
