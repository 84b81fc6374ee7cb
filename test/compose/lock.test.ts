/** Images pinned by digest, on a real engine that pulls them from a registry: what is locked stays what it was. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ImageRegistry, openImageRegistry } from './parts/image-registry.ts'
import { hasDocker, makeStack, type Stack } from './parts/stack.ts'

describe.skipIf(!hasDocker())('images.lock.env', () => {
  let registry: ImageRegistry
  let stack: Stack
  let image: string
  const left: string[] = []
  beforeAll(async () => {
    registry = await openImageRegistry()
    stack = await makeStack(1)
    image = `${registry.host}/library/redis:7-alpine`
  })
  afterAll(async () => {
    for (const one of left) await stack.docker('rmi', '-f', one).catch(() => undefined)
    await stack?.remove()
    await registry?.close()
  })

  /** Somebody publishes an image under the tag. */
  const publish = async (content: string) => {
    const folder = join(stack.folder, `image-${content}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY content /content\n')
    writeFileSync(join(folder, 'content'), content)
    await stack.docker('build', '-q', '-t', image, folder)
    await stack.docker('push', '-q', image)
    await stack.docker('rmi', '-f', image)
  }
  const idOf = (name: string) => stack.docker('image', 'inspect', '-f', '{{.Id}}', name)

  test('pins what was pulled: Compose takes that image, whatever the tag means later', async () => {
    await publish('one')
    await stack.docker('pull', '-q', image)
    const first = await idOf(image)
    const lock = join(stack.folder, 'images.lock.env')
    const inspected = await stack.docker('image', 'inspect', image)
    expect((await stack.operate(['lock-images', '--file', lock], inspected)).code).toBe(0)

    await stack.docker('rmi', '-f', image)
    await publish('two')
    const rendered = await stack.docker(
      'compose',
      '--env-file',
      lock,
      '--env-file',
      join(stack.folder, '.env.operator'),
      '-f',
      resolve(import.meta.dirname, '../../containers/compose.yaml'),
      'config',
      '--format',
      'json',
    )
    const pinned: string = JSON.parse(rendered).services.redis.image
    left.push(pinned, image)
    expect(pinned).toMatch(/\/library\/redis:7-alpine@sha256:[0-9a-f]{64}$/)
    await stack.docker('pull', '-q', pinned)
    expect(await idOf(pinned)).toBe(first)
    await stack.docker('pull', '-q', image)
    expect(await idOf(image)).not.toBe(first)
  })
})
