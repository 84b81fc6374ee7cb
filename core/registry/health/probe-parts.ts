/** Asks the parts that the registry stands on whether they answer; no probe waits longer than two seconds. */
import type { RegistryContext } from '../context.ts'
import { pingDatabase } from './queries.ts'
import type { Spire } from './schema.ts'

const PROBE_MS_MAX = 2000

/** What a probe found out: `latency_ms` is null where nothing answered. */
export interface Probe {
  readonly state: 'up' | 'down'
  readonly latency_ms: number | null
}

/** The registry's database. */
export const probeDatabase = (ctx: RegistryContext): Promise<Probe> =>
  probe(ctx, async (signal) => (await pingDatabase(ctx.db.bound(signal))).length === 1)

/** The TEG and its database. */
export const probeTeg = (ctx: RegistryContext): Promise<Probe> =>
  probe(ctx, (signal) => ctx.teg.ping({ requestId: ctx.requestId, signal }))

/** The EventStore; absent where the registry tells its events to none. */
export async function probeEventStore(
  ctx: RegistryContext,
): Promise<Probe | { state: 'absent'; latency_ms: null }> {
  const { eventStore, requestId } = ctx
  if (!eventStore) return { state: 'absent', latency_ms: null }
  return probe(ctx, (signal) => eventStore.ping({ requestId, signal }))
}

/** Redis, or what stands for it in one process. */
export const probeCoordination = (ctx: RegistryContext): Promise<Probe> =>
  probe(ctx, () => ctx.coordination.ping())

const SILENT_MS = 120_000

/** The SPIRE agent and the identity, as cert-writer tells them; absent where no identity is configured. */
export async function probeSpire(ctx: RegistryContext): Promise<Spire> {
  const none = { identity: 'none', spiffe_id: null, svid_age_seconds: null, svid_left_seconds: null } as const
  if (!ctx.identity) return { state: 'absent', workload_api: null, ...none }
  const report = await ctx.identity.read()
  const now = ctx.clock.now().getTime()
  if (!report) return { state: 'down', workload_api: 'silent', ...none }
  const isSilent = now - Date.parse(report.updated_at) > SILENT_MS
  const workloadApi = isSilent ? 'silent' : report.workload_api
  const { not_before: from, not_after: until, spiffe_id: id } = report
  if (!from || !until || now >= Date.parse(until))
    return { state: 'down', workload_api: workloadApi, ...none }
  return {
    state: workloadApi === 'connected' ? 'up' : 'down',
    workload_api: workloadApi,
    identity: report.identity,
    spiffe_id: id,
    svid_age_seconds: Math.round((now - Date.parse(from)) / 1000),
    svid_left_seconds: Math.round((Date.parse(until) - now) / 1000),
  }
}

/** A part that fails or is late is down: finding that out is what a probe is for. */
async function probe(ctx: RegistryContext, ask: (signal: AbortSignal) => Promise<boolean>): Promise<Probe> {
  const started = performance.now()
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(PROBE_MS_MAX)])
  const answered = await Promise.race([
    ask(signal).catch(() => false),
    new Promise<false>((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true })),
  ])
  if (!answered) return { state: 'down', latency_ms: null }
  return { state: 'up', latency_ms: Math.round((performance.now() - started) * 10) / 10 }
}
