/** Writes a key pair and an authority that nobody knows, so that spire-agent starts and waits for its onboarding. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makePlaceholder } from '../cert-writer/make-placeholder.ts'

/** @returns the folder, or null where something is there already */
export async function writePlaceholderAgent(folder: string): Promise<string | null> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).some((name) => name.endsWith('.pem'))) return null
  const { chain, key } = makePlaceholder(new Date(), randomBytes)
  const certificate = chain.map(String).join('')
  const write = (name: string, text: string) =>
    writeFile(join(folder, name), text, { mode: 0o600, flag: 'wx' })
  await write('agent.key.pem', String(key.export({ type: 'pkcs8', format: 'pem' })))
  await write('agent.crt.pem', certificate)
  await write('bundle.pem', certificate)
  return folder
}
