/** A reply that needs more than its row says: another status, headers, or the mark of a replay. */

export interface ReplyOptions {
  status?: number
  headers?: Record<string, string>
  /** The first outcome of this Idempotency-Key is given again. */
  replayed?: boolean
}

export class Reply<T = unknown> {
  readonly body: T
  readonly options: ReplyOptions

  constructor(body: T, options: ReplyOptions = {}) {
    this.body = body
    this.options = options
  }
}
