/** What the doctor says of one thing: how it stands, the cause, and what to do about it. */

export interface Finding {
  readonly check: string
  /** The row of the troubleshooting table that it belongs to. */
  readonly row?: 1 | 2 | 3 | 4 | 5 | 6 | 7
  readonly state: 'ok' | 'warn' | 'fail'
  /** One word for programs. */
  readonly cause: string
  readonly hint: string
}

export const good = (check: string, cause = 'ok', row?: Finding['row']): Finding => ({
  check,
  ...(row ? { row } : {}),
  state: 'ok',
  cause,
  hint: '',
})
export const bad = (
  state: 'warn' | 'fail',
  check: string,
  cause: string,
  hint: string,
  row?: Finding['row'],
): Finding => ({ check, ...(row ? { row } : {}), state, cause, hint })
