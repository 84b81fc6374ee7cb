/** Tells every WebSocket of every process how the registry lives: counts that anybody may see. */
import type { RegistryContext } from '../context.ts'
import { readPulse } from './metrics-queries.ts'

/** The channel that every process's WebSockets hear; a slow socket gets only the newest. */
export const METRICS_CHANNEL = 'stream-metrics'

/** @returns counts for the run history */
export async function publishMetrics(ctx: RegistryContext): Promise<{ events: number; transfers: number }> {
  const pulse = await readPulse(ctx.db, ctx.time)
  const events = Number(pulse.events)
  const transfers = Number(pulse.transfers)
  const metrics = {
    head: Number(pulse.head),
    events_per_minute: events,
    transfers_per_minute: transfers,
    volume_per_minute: pulse.volume,
    agents_active: Number(pulse.agents),
    as_of: pulse.now.toISOString(),
  }
  await ctx.coordination.publish(METRICS_CHANNEL, JSON.stringify(metrics))
  return { events, transfers }
}
