/** The lock of images: from what an engine says to what Compose reads. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { IMAGES, judgePins, makeLock } from '../../../containers/operate/lock-images.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const inspected = (...images: { tags?: string[] | null; digests?: string[] | null }[]) =>
  JSON.stringify(images.map(({ tags = null, digests = null }) => ({ RepoTags: tags, RepoDigests: digests })))

test('names every image of others that the Compose files use, and nothing else', () => {
  const used = new Map<string, string>()
  for (const name of ['compose.yaml', 'compose.standalone.yaml', 'compose.frame.yaml']) {
    const text = readFileSync(new URL(`../../../containers/${name}`, import.meta.url), 'utf8')
    for (const [, variable, image] of text.matchAll(/image: \$\{([A-Z_]+_IMAGE):-([^}]+)\}/g))
      used.set(variable as string, image as string)
  }
  expect(Object.fromEntries(used)).toEqual(IMAGES)
})

describe('the lock', () => {
  test('keeps tag and digest of each image, also of a mirror', () => {
    const text = inspected(
      { tags: ['postgres:16-alpine'], digests: [`postgres@${digest('a')}`] },
      {
        tags: ['other/nginx:1', 'mirror.example:5000/library/nginx:1.25-alpine'],
        digests: [`mirror.example:5000/library/nginx@${digest('b')}`],
      },
      { digests: [`ghcr.io/spiffe/spire-agent@${digest('c')}`] },
    )
    expect(makeLock(text)).toEqual({
      pinned: {
        POSTGRES_IMAGE: `postgres:16-alpine@${digest('a')}`,
        NGINX_IMAGE: `mirror.example:5000/library/nginx:1.25-alpine@${digest('b')}`,
        SPIRE_AGENT_IMAGE: `ghcr.io/spiffe/spire-agent@${digest('c')}`,
      },
      without: [],
    })
  })

  test('leaves our own images out, and tells of those without a digest', () => {
    const text = inspected(
      {
        tags: ['images.example.com/registry:stable'],
        digests: [`images.example.com/registry@${digest('d')}`],
      },
      { tags: ['redis:7-alpine'], digests: [] },
    )
    expect(makeLock(text)).toEqual({ pinned: {}, without: ['redis:7-alpine'] })
  })

  test.each(['', 'nonsense', '{}', '[{"RepoTags": "x"}]'])('refuses %j', (text) => {
    expect(() => makeLock(text)).toThrow('docker image inspect')
  })
})

describe('the doctor', () => {
  const all = Object.fromEntries(
    Object.entries(IMAGES).map(([name, image]) => [name, `${image}@${digest('e')}`]),
  )
  test('is content when each is pinned', () => {
    expect(judgePins(all)).toMatchObject({ state: 'ok' })
    const { SPIRE_SERVER_IMAGE: _, ...operators } = all
    expect(judgePins(operators)).toMatchObject({ state: 'ok' })
  })
  test('names those that are not', () => {
    expect(judgePins({})).toMatchObject({ state: 'warn', cause: 'not_pinned' })
    const { hint } = judgePins({
      ...all,
      NGINX_IMAGE: 'nginx:1.25-alpine',
      REDIS_IMAGE: 'redis@sha256:short',
    })
    expect(hint).toContain(': redis@sha256:short, nginx:1.25-alpine.')
  })
})
