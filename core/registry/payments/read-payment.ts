/** Reads one payment token, without its text. */
import type { Payment } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { seePayment } from './see-payment.ts'

/** @throws 404 not_found */
export async function readPayment(ctx: RegistryContext, id: string): Promise<Payment> {
  return (await seePayment(ctx, id)).payment
}
