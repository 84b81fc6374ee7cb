import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lambdaDoor } from '#core/faas/on-lambda.ts'
import { readEnvironment } from '#core/faas/read-environment.ts'
import { readSstLinks } from '#core/faas/read-sst-links.ts'
import { toV2 } from '#test/runtimes/lambda-events.ts'
import { requests, type TableRequest } from '#test/runtimes/requests.ts'
import { statelessApp } from '#test/runtimes/stateless-app.ts'

const key = randomBytes(32)
const links = {
  DatabaseUrl: { type: 'sst.sst.Secret', value: 'postgres://u:p@db.example:6432/registry' },
  SecretKey: { type: 'sst.sst.Secret', value: 'Schlüssel 🌍' },
  RedisUrl: { type: 'sst.sst.Secret', value: '' },
}

describe('the links that SST lays beside a function', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-links-'))
  const env = {
    LAMBDA_TASK_ROOT: folder,
    SST_KEY: key.toString('base64'),
    SST_KEY_FILE: 'resource.enc',
    SST_RESOURCE_App: JSON.stringify({ name: 'ninefold', stage: 'dev' }),
  }
  // As SST's own program seals them: AES-256-GCM, twelve zeros, the tag behind.
  beforeAll(() => {
    const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12))
    const parts = [cipher.update(JSON.stringify(links), 'utf8'), cipher.final()]
    writeFileSync(join(folder, 'resource.enc'), Buffer.concat([...parts, cipher.getAuthTag()]))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('are opened with the key of the environment, and are settings then', () => {
    expect(readSstLinks(env)).toEqual(links)
    const { SST_RESOURCE_App: _, ...plain } = env
    expect(readEnvironment({ ...readSstLinks(env), ...env })).toEqual({
      ...plain,
      DATABASE_URL: links.DatabaseUrl.value,
      SECRET_KEY: links.SecretKey.value,
    })
  })

  test('are none where SST is not', () => {
    for (const name of ['SST_KEY', 'SST_KEY_FILE'])
      expect(readSstLinks({ ...env, [name]: undefined })).toEqual({})
  })

  test.each([
    ['with another key', { SST_KEY: randomBytes(32).toString('base64') }],
    ['with no key at all', { SST_KEY: 'AAAA' }],
    ['whose file is missing', { SST_KEY_FILE: 'nothing.enc' }],
  ])('%s fail with words that name the file and tell nothing of what is in it', (_what, more) => {
    const error = (() => {
      try {
        return readSstLinks({ ...env, ...more })
      } catch (caught) {
        return caught
      }
    })() as Error
    expect(error.message).toMatch(/^The links that SST lays beside the function, \S+, could not be opened$/)
    expect(String(error.cause)).not.toContain('postgres')
  })

  test('reach the function, and are tried again with the next request when they could not be opened', async () => {
    const sources: Record<string, unknown>[] = []
    const host = { env: { ...env, SST_KEY_FILE: 'late.enc' }, stdout: { write: () => true } }
    const handler = lambdaDoor(
      async ({ source }) => {
        sources.push(readEnvironment(source))
        return { resources: {}, close: async () => undefined }
      },
      () => statelessApp(),
      host,
    )
    const event = toV2(requests[0] as TableRequest, '192.0.2.1')
    await expect(handler(event)).rejects.toThrow('late.enc')
    host.env.SST_KEY_FILE = 'resource.enc'
    expect((await handler(event)).statusCode).toBe(200)
    expect(sources).toMatchObject([{ DATABASE_URL: links.DatabaseUrl.value }])
  })
})
