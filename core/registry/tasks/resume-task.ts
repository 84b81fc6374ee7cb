/** Resumes a paused task: due times of the pause are not made up for. */
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { findLine } from './find-line.ts'
import { hintTask } from './hint-task.ts'
import { showTask } from './list-tasks.ts'
import { lockTask, setResumed } from './queries.ts'
import type { Task } from './schema.ts'

/** Resuming an active task changes nothing. @throws 404 not_found */
export async function resumeTask(ctx: RegistryContext, name: string): Promise<Task> {
  const line = findLine(ctx, name)
  const task = await ctx.once(async (tx) => {
    const before = await lockTask(tx, line.task, ctx.time)
    if (before.paused_at !== null) {
      await setResumed(tx, line.task, ctx.time)
      await recordAct(tx, ctx, {
        act: 'task.resume',
        object: `tasks/${name}`,
        before: { status: 'paused', paused_by: before.paused_by },
        after: { status: 'active' },
      })
    }
    return showTask(ctx, tx, line)
  })
  await hintTask(ctx, line.task)
  return task
}
