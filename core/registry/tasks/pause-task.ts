/** Pauses a task on all hosts, until it is resumed; a run at work ends in order. */
import { principalOf } from '#core/base/caller.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { findLine } from './find-line.ts'
import { hintTask } from './hint-task.ts'
import { showTask } from './list-tasks.ts'
import { lockTask, setPaused } from './queries.ts'
import type { Task } from './schema.ts'

/** Pausing a paused task changes nothing. @throws 404 not_found */
export async function pauseTask(ctx: RegistryContext, name: string): Promise<Task> {
  const line = findLine(ctx, name)
  const actor = principalOf(ctx.caller) ?? 'unknown'
  const task = await ctx.once(async (tx) => {
    const before = await lockTask(tx, line.task, ctx.time)
    if (before.paused_at === null) {
      await setPaused(tx, line.task, actor, ctx.time)
      await recordAct(tx, ctx, {
        act: 'task.pause',
        object: `tasks/${name}`,
        before: { status: 'active' },
        after: { status: 'paused' },
      })
    }
    return showTask(ctx, tx, line)
  })
  await hintTask(ctx, line.task)
  return task
}
