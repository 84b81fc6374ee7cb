/** The epoch of a task's holder: newer than that of every holder before, also over a restore of the database. */

export interface Epoch {
  /** Of the database: a restore raises it above what anybody has seen. */
  readonly incarnation: number
  readonly counter: bigint
}

export const sameEpoch = (a: Epoch, b: Epoch): boolean =>
  a.incarnation === b.incarnation && a.counter === b.counter

export const isOlder = (a: Epoch, b: Epoch): boolean =>
  a.incarnation === b.incarnation ? a.counter < b.counter : a.incarnation < b.incarnation

export const showEpoch = ({ incarnation, counter }: Epoch): string => `${incarnation}.${counter}`

/** A newer holder of the task exists: this one must stop. */
export class FencedOut extends Error {
  constructor(task: string, epoch: string, newest: string | null) {
    super(`epoch ${epoch} of the task ${task} is over: the newest is ${newest ?? 'unknown'}`)
    this.name = 'FencedOut'
  }
}

/** The name of a task as the API, settings and the wire write it: `mail_outbox` of `mail-outbox`. */
export const publicName = (task: string): string => task.replaceAll('-', '_')
/** The name in the timetable. */
export const taskName = (name: string): string => name.replaceAll('_', '-')
