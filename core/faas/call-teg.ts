/** Reaches the TEG over the network with what every host has: fetch. */
import { refuseInsideTransaction } from '#core/platform/database/scope.ts'

/** @throws the connection's error, or the request's signal's reason */
export async function callTeg(request: Request): Promise<Response> {
  refuseInsideTransaction('A call to the TEG')
  return fetch(request)
}
