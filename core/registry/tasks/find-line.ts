/** A task of the timetable by its name in the API. */
import { fail } from '#core/base/errors.ts'
import { taskName } from '#core/platform/tasks/epoch.ts'
import type { TaskLine } from '#core/platform/tasks/line.ts'
import type { RegistryContext } from '../context.ts'

/** @throws 404 not_found */
export function findLine(ctx: Pick<RegistryContext, 'tasks'>, name: string): TaskLine {
  const line = ctx.tasks.find(({ task }) => task === taskName(name))
  if (!line) throw fail('not_found', `There is no task ${name}; GET /operator/tasks lists them.`)
  return line
}
