/** Reads who holds each task and how its last run went. */
import type { Resources } from '#core/platform/context.ts'
import { listTaskStates, type TaskStateRow } from './queries.ts'

/** Tasks that have ever been held, by name. */
export const readTasks = ({ db, clock }: Pick<Resources, 'db' | 'clock'>): Promise<TaskStateRow[]> =>
  listTaskStates(db, clock.fixed)
