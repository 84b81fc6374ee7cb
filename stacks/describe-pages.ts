/** Makes the documents of the API once, when it is bundled: no function loads all others to describe them. */
import { VERSION } from '#core/base/version.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { eventTypes } from '#core/registry/stream/events.ts'
import { CloudEvent } from '#core/registry/stream/schema.ts'
import { loadDoors, type Mounted, pathOf } from '#core/runtime/compose-app.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { describeStream } from '#core/runtime/describe-stream.ts'
import { registryDoors } from '#functions/index.ts'

/** @returns documents by path, and every path of the registry in the router's syntax */
export async function describePages(): Promise<{ documents: Record<string, string>; paths: string[] }> {
  const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
  const info = {
    title: 'Ninefold',
    version: VERSION,
    description: 'A self-hosted registry for AI agents with an economy.',
    serverUrl: 'https://public-url.invalid',
  }
  const text = (document: object) =>
    JSON.stringify(document).replaceAll('https://public-url.invalid', '{{PUBLIC_URL}}')
  return {
    documents: {
      '/openapi.json': text(describeApi(mounted as readonly Mounted<never>[], info)),
      '/asyncapi.json': text(describeStream(info, { event: CloudEvent, types: eventTypes })),
    },
    paths: mounted.flatMap(({ prefix, group }) => group.rows.map(({ path }) => pathOf(prefix, path))),
  }
}
