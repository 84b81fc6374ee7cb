/** Passwords in bundles, which hold no machine code: the crypto of Node 24 where it is there, else our own arithmetic. */
import * as crypto from 'node:crypto'
import { argon2id } from './argon2id.ts'
import { systemRandom } from './context.ts'

interface Options {
  readonly memoryCost: number
  readonly timeCost: number
  readonly parallelism: number
  readonly algorithm: number
}

const SALT_BYTES = 16
const TAG_BYTES = 32

/** A PHC string of argon2id with one lane, as @node-rs/argon2 makes it. */
export async function hash(password: string, options: Options): Promise<string> {
  if (options.parallelism !== 1) throw new RangeError('one lane only')
  const salt = systemRandom(SALT_BYTES)
  const { memoryCost: memory, timeCost: passes } = options
  const tag = await derive(password, salt, { memory, passes }, TAG_BYTES)
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${plain64(salt)}$${plain64(tag)}`
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

export async function verify(stored: string, password: string): Promise<boolean> {
  const [, memory, passes, salt = '', tag = ''] = PHC.exec(stored) ?? []
  if (memory === undefined || passes === undefined) throw new TypeError('no argon2id hash with one lane')
  const wanted = Buffer.from(tag, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes) }
  const made = await derive(password, Buffer.from(salt, 'base64'), cost, wanted.length)
  return crypto.timingSafeEqual(made, wanted)
}

const plain64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')

type Native = (
  algorithm: 'argon2id',
  parameters: {
    message: string
    nonce: Uint8Array
    parallelism: number
    tagLength: number
    memory: number
    passes: number
  },
  done: (error: Error | null, tag: Buffer) => void,
) => void

function derive(
  password: string,
  salt: Uint8Array,
  cost: { memory: number; passes: number },
  length: number,
): Promise<Uint8Array> {
  const native = (crypto as { argon2?: Native }).argon2
  if (!native) return Promise.resolve(argon2id(new TextEncoder().encode(password), salt, cost, length))
  const parameters = { message: password, nonce: salt, parallelism: 1, tagLength: length, ...cost }
  return new Promise((resolve, reject) => {
    native('argon2id', parameters, (error, tag) => (error ? reject(error) : resolve(tag)))
  })
}
