/** Seals texts that the database keeps (private keys, recorded secrets) with a key made of SECRET_KEY. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'

export interface Seal {
  /** Without SECRET_KEY the text stays readable and says so. */
  seal(text: string): string
  /** @throws when the text was sealed with another key, or there is none */
  unseal(sealed: string): string
}

export function openSeal(secret: string | undefined, random: (size: number) => Uint8Array): Seal {
  const key = secret ? new Uint8Array(hkdfSync('sha256', secret, 'ninefold', 'server-keys', 32)) : null
  return {
    seal: (text) => (key ? sealText(key, random(12), text) : `plain:${text}`),
    unseal: (text) => unsealText(key, text),
  }
}

function sealText(key: Uint8Array, iv: Uint8Array, text: string): string {
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `gcm:${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

function unsealText(key: Uint8Array | null, sealed: string): string {
  if (sealed.startsWith('plain:')) return sealed.slice(6)
  if (!key) throw new Error('The database holds sealed keys: SECRET_KEY is needed to read them')
  const bytes = Buffer.from(sealed.slice(4), 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    throw new Error('The server keys in the database were sealed with another SECRET_KEY')
  }
}
