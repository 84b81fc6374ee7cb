/** Background tasks as operators see and steer them. */
import type { RegistryContext } from '#core/registry/context.ts'
import { listRuns } from '#core/registry/tasks/list-runs.ts'
import { listTasks } from '#core/registry/tasks/list-tasks.ts'
import { pauseTask } from '#core/registry/tasks/pause-task.ts'
import { resumeTask } from '#core/registry/tasks/resume-task.ts'
import { runTask } from '#core/registry/tasks/run-task.ts'
import { RunsQuery, Task, TaskPage, TaskPath, TaskRun, TaskRunPage } from '#core/registry/tasks/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'tasks',
  rows: [
    get(
      '/',
      {
        summary: 'List background tasks: who leads them, their last run, their next due times',
        callers: ['operator'],
        reply: TaskPage,
      },
      ({ ctx }) => listTasks(ctx),
    ),
    post(
      '/:name/run',
      {
        summary: 'Ask for a run now; the process that leads the task does it',
        callers: ['operator'],
        params: TaskPath,
        reply: TaskRun,
        idempotency: 'record',
      },
      ({ ctx, params }) => runTask(ctx, params.name),
    ),
    post(
      '/:name/pause',
      {
        summary: 'Pause a task on all hosts until it is resumed',
        callers: ['operator'],
        params: TaskPath,
        reply: Task,
        idempotency: 'record',
      },
      ({ ctx, params }) => pauseTask(ctx, params.name),
    ),
    post(
      '/:name/resume',
      {
        summary: 'Resume a paused task; due times of the pause are not made up for',
        callers: ['operator'],
        params: TaskPath,
        reply: Task,
        idempotency: 'record',
      },
      ({ ctx, params }) => resumeTask(ctx, params.name),
    ),
    get(
      '/:name/runs',
      {
        summary: 'List runs of a task, the newest due time first',
        callers: ['operator'],
        params: TaskPath,
        query: RunsQuery,
        reply: TaskRunPage,
      },
      ({ ctx, params, query }) => listRuns(ctx, params.name, query),
    ),
  ],
})
