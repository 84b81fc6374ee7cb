/** The run history of a task, the newest due time first. */
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { findLine } from './find-line.ts'
import { listRuns as listRows } from './queries.ts'
import type { TaskRun } from './schema.ts'
import { showRun } from './show-run.ts'

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** @throws 404 not_found */
export async function listRuns(
  ctx: RegistryContext,
  name: string,
  page: { limit: number; cursor?: string | undefined },
): Promise<Page<TaskRun>> {
  const { task } = findLine(ctx, name)
  const filters = { list: 'task-runs', task }
  const [before] = page.cursor === undefined ? [] : decodeCursor(page.cursor, filters, [MOMENT])
  const rows = await listRows(ctx.db, task, before ?? null, page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [row.slot.toISOString()], showRun)
}
