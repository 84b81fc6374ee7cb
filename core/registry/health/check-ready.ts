/** Tells whether this instance can serve: its database and the TEG answer. (While it drains the runtime answers 503.) */
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { probeDatabase, probeTeg } from './probe-parts.ts'

/** @throws 503 not_ready naming the part that does not answer */
export async function checkReady(ctx: RegistryContext): Promise<{ status: 'ready' }> {
  const [database, teg] = await Promise.all([probeDatabase(ctx), probeTeg(ctx)])
  const down = [...(database.state === 'up' ? [] : ['database']), ...(teg.state === 'up' ? [] : ['teg'])]
  if (down.length === 0) return { status: 'ready' }
  throw fail('not_ready', `No answer from: ${down.join(', ')}.`, { headers: { 'retry-after': '1' } })
}
