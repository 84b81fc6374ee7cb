/** Tells the process that leads a task to look at it now; only a hint, it looks several times a minute anyway. */
import type { RegistryContext } from '../context.ts'

/** The channel on which the runtime's schedules listen. */
export const TASKS_CHANNEL = 'tasks'

/** To be called after the commit. */
export async function hintTask(ctx: Pick<RegistryContext, 'coordination'>, task: string): Promise<void> {
  await ctx.coordination.publish(TASKS_CHANNEL, task).catch(() => undefined)
}
