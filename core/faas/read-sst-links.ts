/** Opens the links of a function that SST has deployed: it lays them, sealed, beside the bundle, and the key into the environment. */
import { createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const TAG_BYTES = 16
const NONCE_BYTES = 12

/**
 * The links by their names, such as { DatabaseUrl: { value } }; nothing where SST_KEY_FILE and SST_KEY say nothing. The
 * format is that of SST 4: JSON under AES-256-GCM with a nonce of zeros (the key is one deployment's) and the tag behind it.
 * @throws when the file is missing or was sealed with another key
 */
export function readSstLinks(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> {
  const { SST_KEY: key, SST_KEY_FILE: file, LAMBDA_TASK_ROOT: root = '.' } = env
  if (!key || !file) return {}
  try {
    const sealed = readFileSync(join(root, file))
    const opening = createDecipheriv('aes-256-gcm', Buffer.from(key, 'base64'), Buffer.alloc(NONCE_BYTES))
    opening.setAuthTag(sealed.subarray(-TAG_BYTES))
    const text = Buffer.concat([opening.update(sealed.subarray(0, -TAG_BYTES)), opening.final()])
    return JSON.parse(text.toString('utf8')) as Record<string, unknown>
  } catch (error) {
    throw new Error(`The links that SST lays beside the function, ${file}, could not be opened`, {
      cause: error,
    })
  }
}
