/** Makes the manifest of bundles from the tables: who needs which secret, for how long each works, what wakes it. */
import type { FunctionGroup } from '#core/runtime/define-function.ts'
import type { Schedule } from '#core/runtime/define-schedule.ts'
import { registryDoors } from '#functions/index.ts'
import { timetable } from '#schedules/index.ts'
import type { Part } from './choose-parts.ts'
import type { Entry } from './list-entries.ts'
import { listRoutes } from './list-routes.ts'
import type { Manifest, ManifestEntry, SecretName } from './manifest.ts'

/** For opening an instance and for the last words of a call. */
const MARGIN_SECONDS = 5
/** A reactor's round; the next timer goes on. */
const REACTOR_SECONDS = 55
/** A timer is a look: what is due by an operator's interval is found at most so late. */
const LOOK_MINUTES_MAX = 5

/** What is known of a bundle. */
interface Made {
  readonly entry: Entry
  readonly parts: readonly Part[]
  readonly metafile: { readonly inputs: Readonly<Record<string, unknown>> }
}

/** @param folderOf the folder of an entry's bundle */
export async function makeManifest(
  bundles: readonly Made[],
  folderOf: (name: string) => string,
): Promise<Manifest> {
  const entries = await Promise.all(
    bundles.map(async (bundle): Promise<ManifestEntry> => {
      const { name, kind, service, file } = bundle.entry
      return {
        name,
        kind,
        service,
        file,
        folder: folderOf(name),
        timeoutSeconds: (await secondsOf(bundle.entry)) + MARGIN_SECONDS,
        everyMinutes: minutesOf(bundle.entry),
        secrets: secretsOf(bundle),
      }
    }),
  )
  return { entries, routes: await listRoutes() }
}

async function secondsOf(entry: Entry): Promise<number> {
  if (entry.kind === 'pages') return 5
  if (entry.kind === 'reactor') return REACTOR_SECONDS
  if (entry.kind === 'task') {
    const line = timetable[entry.line.task as keyof typeof timetable]
    return ((await line.load()).default as unknown as Schedule<never>).timeoutSeconds
  }
  const doors: Record<string, { load: () => Promise<{ default: unknown }> } | undefined> = registryDoors
  const door = doors[entry.door]
  return door ? ((await door.load()).default as FunctionGroup<never>).timeoutSeconds : 30
}

function minutesOf(entry: Entry): number | null {
  if (entry.kind === 'reactor') return 1
  if (entry.kind !== 'task') return null
  const { cadence, interval } = entry.line
  // An operator may shorten the interval: the timer is fit for the shortest.
  const seconds = interval?.minimum ?? cadence.everySeconds ?? 60
  return Math.min(LOOK_MINUTES_MAX, Math.max(1, Math.floor(seconds / 60)))
}

/** What its code can reach: the database and what opens it, Redis and mail where they are used. */
function secretsOf({ entry, parts, metafile }: Made): SecretName[] {
  if (entry.kind === 'pages') return []
  const usesMail = Object.keys(metafile.inputs).some((path) =>
    /core\/registry\/(?:mail\/(?:queue-mail|send-due-mails)|accounts\/invites\/manage-invites|webhooks\/disable-webhook)\.ts$/.test(
      path,
    ),
  )
  return [
    'DatabaseUrl',
    'TegServiceToken',
    'SecretKey',
    ...(parts.includes('redis') ? (['RedisUrl'] as const) : []),
    ...(usesMail ? (['SmtpUrl'] as const) : []),
    ...(parts.includes('neon') || parts.includes('neon-http') ? (['NeonBridgeToken'] as const) : []),
  ]
}
