/** Asks for a run of a task now: whichever process leads the task does it, paused or not. */
import { principalOf } from '#core/base/caller.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { findLine } from './find-line.ts'
import { hintTask } from './hint-task.ts'
import { findQueuedRun, insertQueuedRun, lockTask } from './queries.ts'
import type { TaskRun } from './schema.ts'
import { showRun } from './show-run.ts'

/**
 * @returns the run, queued; one that was asked for before and has not begun is given again
 * @throws 404 not_found
 */
export async function runTask(ctx: RegistryContext, name: string): Promise<TaskRun> {
  const { task } = findLine(ctx, name)
  const actor = principalOf(ctx.caller) ?? 'unknown'
  const run = await ctx.once(async (tx) => {
    await lockTask(tx, task, ctx.time)
    const queued = await findQueuedRun(tx, task)
    if (queued) return showRun(queued)
    const made = showRun(await insertQueuedRun(tx, task, actor, ctx.time))
    await recordAct(tx, ctx, {
      act: 'task.run',
      object: `tasks/${made.task}`,
      before: null,
      after: { slot: made.slot },
    })
    return made
  })
  await hintTask(ctx, task)
  return run
}
