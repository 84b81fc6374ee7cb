/** The supply of this registry's TEG, at one committed snapshot: issued - destroyed + transit_net = circulating. */
import type { Supply } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'

/** @throws 503 teg_unavailable */
export const readSupply = (ctx: RegistryContext): Promise<Supply> => ctx.teg.supply(ctx)
