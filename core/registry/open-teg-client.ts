/** Opens the TEG client over a fetch function: the in-process application or HTTP. */
import type { TegClient } from './teg-client.ts'

export interface TegClientOptions {
  readonly token: string
  readonly fetch: (request: Request) => Response | Promise<Response>
  readonly newId: () => string
}

/** To be filled by the TEG's builder. */
export function openTegClient(_options: TegClientOptions): TegClient {
  const absent = () => Promise.reject(new Error('The TEG client is not built yet'))
  return new Proxy({} as TegClient, { get: () => absent })
}
