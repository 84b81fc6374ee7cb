/** What every domain shares that moves AVT for agents: who may act for one, what one sees, and the way to the gate. */
export { isForeign, publicRefusal, runBehind } from './transfers/command-transfer.ts'
export { hashCommand, limitsOf, mayActFor, seesAll } from './transfers/rules.ts'
export { payerOf } from './transfers/submit-transfer.ts'
