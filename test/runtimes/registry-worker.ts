/** The Worker of the table over all groups: every door, with time and randomness that are fixed. */

import { type Bindings, type WorkerCall, workerDoor } from '#core/faas/on-worker.ts'
import { composeRegistry, openRegistry } from '#core/faas/open-registry.ts'
import { describeLine } from '#core/platform/tasks/line.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { loadDoors } from '#core/runtime/compose-app.ts'
import { registryDoors } from '#functions/index.ts'
import { timetable } from '#schedules/index.ts'
import { openFixed } from './fixed.ts'

const fixed = openFixed()
const tasks = Object.entries(timetable).map(([task, line]) => describeLine(task, line))
const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
const door = workerDoor(
  (platform) => openRegistry({ ...platform, ...fixed }, tasks),
  (opened) => {
    const app = composeRegistry(opened, ...mounted)
    // Opened for this request, it has drawn on its randomness.
    fixed.seed(seed)
    return app
  },
  () => undefined,
)
let seed = 0

export default {
  fetch(request: Request, env: Bindings, call: WorkerCall): Promise<Response> {
    seed = Number(request.headers.get('x-table-seed'))
    return door.fetch(request, env, call)
  },
}
