/** Ends a task whose commands the TEG has refused because it has seen a newer holder of the task. */
import type { Fence } from '#core/platform/context.ts'
import { FencedOut } from '#core/platform/tasks/epoch.ts'
import type { Outcome } from '#core/wire/teg.ts'

/**
 * To be called before any outcome is acted on.
 * @throws FencedOut
 */
export function refuseStale(outcomes: readonly Outcome[], fence: Fence | undefined): void {
  if (fence && outcomes.some(({ error }) => error?.code === 'stale_epoch'))
    throw new FencedOut(fence.task, `${fence.incarnation}.${fence.epoch}`, null)
}
