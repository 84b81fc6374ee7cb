/** Opens the way to addresses that users give, when one is first needed: most functions call none. */
import type { Config } from '#core/platform/config.ts'
import { listOf } from '#core/platform/config-shapes.ts'
import { checkUrl, readAllowed } from '#core/platform/outbound-address.ts'
import type { Outbound, OutboundOptions } from '#core/platform/outbound-client.ts'
import { ANSWER_BYTES_MAX, ATTEMPT_TIMEOUT_MS } from '#core/registry/webhooks/rules.ts'

export function openFaasOutbound(config: Config): Outbound {
  const allow = listOf(config.WEBHOOK_ALLOWED_NETWORKS)
  const options: OutboundOptions = {
    timeoutMs: ATTEMPT_TIMEOUT_MS,
    bytesMax: ANSWER_BYTES_MAX,
    connections: null,
    ...(allow.length > 0 ? { allow, allowHttp: true, ports: 'any' } : {}),
  }
  let opened: Promise<Outbound> | null = null
  const open = () => {
    opened ??= import('#core/platform/outbound-https.ts').then((loaded) => loaded.openOutbound(options))
    return opened
  }
  return {
    check: (url) =>
      void checkUrl(url, options.allowHttp === true, options.ports ?? [443, 8443], readAllowed(allow)),
    checkName: async (url) => (await open()).checkName(url),
    send: async (request) => (await open()).send(request),
    close: async () => (await opened)?.close(),
  }
}
