/** Keeps the identity in the folder right: writes what comes, withdraws what was taken away, mends what was damaged. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '#core/platform/log.ts'
import { openSource, type SourceState, type X509Source } from '#core/platform/spiffe/open-source.ts'
import type { MessageRefused } from '#core/platform/spiffe/read-message.ts'
import type { StreamEnd, WorkloadApi } from '#core/platform/spiffe/workload-api.ts'
import { makePlaceholder } from './make-placeholder.ts'
import { type Material, type Meta, readIntact, replaceFile, writeIdentity } from './write-identity.ts'

export type IdentityWord = 'none' | 'ok' | 'expiring'

/** What health, metrics and `status.json` tell. */
export interface IdentityStatus {
  readonly identity: IdentityWord
  readonly spiffe_id: string | null
  readonly not_before: string | null
  readonly not_after: string | null
  readonly workload_api: SourceState
  /** Of the state of the Workload API. */
  readonly since: string
  /** What the agent said when it was last not connected. */
  readonly detail: string | null
  readonly denied_since: string | null
  /** Why the last message was refused; null after a good one. */
  readonly refused: string | null
  readonly updated_at: string
}

export interface KeeperPorts {
  readonly folder: string
  readonly api: WorkloadApi
  readonly now: () => Date
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly random: (size: number) => Uint8Array
  readonly log: Log
  /** Tells metrics that a version was written, and why. */
  readonly onWrite?: (why: 'update' | 'withdrawal' | 'repair' | 'placeholder') => void
  readonly onRefusal?: (fault: string) => void
}

export interface Keeper {
  /** Looks after everything once; to be called every few seconds. */
  look(): Promise<void>
  status(): IdentityStatus
  /** Resolves when all that has come so far is on disk. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** How long an identity goes on after the agent has said that we have none: a redaction must work, a slip must not cut. */
export const DENIED_GRACE_MS = 5 * 60_000
/** Between looks at every byte in the folder. */
export const DEEP_LOOK_MS = 5 * 60_000
/** SVIDs are changed at half of their life: less than this left means that something is wrong. */
const EXPIRING_MS = 15 * 60_000
const EXPIRING_SHARE = 0.25
const DETAIL_MAX = 200

const STATUS = 'status.json'
const Earlier = z.object({ denied_since: z.iso.datetime().nullable() })

/** Starts it: the folder holds an identity or a placeholder when this resolves. */
export async function keepIdentity(ports: KeeperPorts): Promise<Keeper> {
  const { folder, now, log } = ports
  let meta: Meta | null = await readIntact(folder)
  /** What this process has received; null: what is on disk is from an earlier one, or a placeholder. */
  let held: Material | null = null
  let wanted: Material | null = null
  let since = now()
  let detail: string | null = null
  let refused: string | null = null
  let deniedSince = await readDenial(folder)
  let deepAt = now().getTime()
  let work: Promise<void> = Promise.resolve()

  const hasIdentity = () => meta?.spiffe_id != null
  const write = async (material: Material, why: 'update' | 'withdrawal' | 'repair' | 'placeholder') => {
    if (await writeIdentity(folder, material, now())) {
      ports.onWrite?.(why)
      log.info({ hint: why, ...(material.spiffeId ? { caller: material.spiffeId } : {}) }, 'identity written')
    }
    meta = await readIntact(folder)
    if (!meta) throw new Error('what was written cannot be read back')
  }
  const withdraw = async (why: 'withdrawal' | 'placeholder') => {
    held = null
    await write(makePlaceholder(now(), ports.random), why)
  }
  /** One piece of work after the other; a failure is told, and the next look tries again. */
  const queue = (step: () => Promise<void>) => {
    work = work.then(step).catch((error) => log.error({ error }, 'the identity could not be kept'))
    return work
  }
  const isOver = () => {
    if (!meta?.spiffe_id) return false
    const time = now().getTime()
    if (time >= Date.parse(meta.not_after)) return true
    return deniedSince !== null && time >= deniedSince.getTime() + DENIED_GRACE_MS
  }
  const tend = async () => {
    // Taken first: what comes while this is written must be written after it, not be forgotten with it.
    const next = wanted
    wanted = null
    if (next) {
      try {
        await write(next, 'update')
        held = next
      } catch (error) {
        wanted ??= next
        throw error
      }
    }
    if (isOver()) await withdraw('withdrawal')
    const isDeep = now().getTime() - deepAt >= DEEP_LOOK_MS
    if (!meta || isDeep) {
      deepAt = now().getTime()
      meta = await readIntact(folder)
      if (!meta) await (held ? write(held, 'repair') : withdraw('placeholder'))
    }
    await replaceFile(folder, STATUS, `${JSON.stringify(status())}\n`)
  }
  const status = (): IdentityStatus => ({
    identity: wordOf(meta, now()),
    spiffe_id: meta?.spiffe_id ?? null,
    not_before: hasIdentity() ? (meta?.not_before ?? null) : null,
    not_after: hasIdentity() ? (meta?.not_after ?? null) : null,
    workload_api: source?.state() ?? 'connecting',
    since: since.toISOString(),
    detail,
    denied_since: deniedSince?.toISOString() ?? null,
    refused,
    updated_at: now().toISOString(),
  })

  let source: X509Source | null = null
  // Nothing may come before the folder has something: nginx waits for it.
  if (!meta) await withdraw('placeholder')
  source = openSource({
    api: ports.api,
    now,
    wait: ports.wait,
    onUpdate(context) {
      const svid = context.svids[0]
      if (!svid) return
      refused = null
      deniedSince = null
      wanted = {
        spiffeId: svid.id.text,
        trustDomain: svid.id.trustDomain,
        chain: svid.chain,
        key: svid.key,
        bundles: context.bundles,
      }
      void queue(tend)
    },
    onRefusal(refusal: MessageRefused) {
      refused = refusal.fault
      ports.onRefusal?.(refusal.fault)
      log.warn({ code: refusal.fault }, 'a message of the Workload API is refused; what is held goes on')
      void queue(tend)
    },
    onState(state: SourceState, end: StreamEnd | null) {
      since = now()
      detail = end ? end.details.slice(0, DETAIL_MAX) : null
      if (state === 'denied') deniedSince ??= now()
      const fields = { code: state, ...(detail ? { hint: detail } : {}) }
      if (state === 'connected') log.info(fields, 'the Workload API answers')
      else log.warn(fields, 'the Workload API gives nothing now')
      void queue(tend)
    },
  })
  await queue(tend)
  return {
    look: () => queue(tend),
    status,
    settled: () => queue(async () => undefined),
    async close() {
      await source?.close()
      await work
    },
  }
}

function wordOf(meta: Meta | null, now: Date): IdentityWord {
  if (!meta?.spiffe_id) return 'none'
  const [from, until] = [Date.parse(meta.not_before), Date.parse(meta.not_after)]
  const left = until - now.getTime()
  if (left <= 0) return 'none'
  return left < Math.min(EXPIRING_MS, (until - from) * EXPIRING_SHARE) ? 'expiring' : 'ok'
}

/** A denial outlives a restart: starting again must not give the grace anew. */
async function readDenial(folder: string): Promise<Date | null> {
  try {
    const parsed = Earlier.safeParse(JSON.parse(await readFile(join(folder, STATUS), 'utf8')))
    return parsed.success && parsed.data.denied_since ? new Date(parsed.data.denied_since) : null
  } catch {
    return null
  }
}
