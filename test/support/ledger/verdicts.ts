/** What the gate and the ledger in memory are compared by, command by command. */

/** What is compared with the gate. Amounts in micro-AVT. */
export interface Verdict {
  ok: boolean
  replayed: boolean
  code: string | null
  amount: bigint | null
  fee: bigint | null
  left: bigint | null
  /** Status of the token, and what of it was redeemed. */
  token: string | null
}

export const done: Verdict = {
  ok: true,
  replayed: false,
  code: null,
  amount: null,
  fee: null,
  left: null,
  token: null,
}
export const refuse = (code: string): Verdict => ({ ...done, ok: false, code })
