/** The client of a Ninefold registry: everything that a program imports. */
export { Ninefold } from './client.ts'
export { type ErrorCode, errorStatus } from './codes.generated.ts'
export { type FieldError, NinefoldError } from './errors.ts'
export type { StreamedEvent, Subscription } from './events.ts'
export type * from './payment-wire.ts'
export { x402Payload } from './payments.ts'
export type { NinefoldOptions, RequestOptions } from './transport.ts'
export type * from './wire.ts'
