/** The keys of a log and its witness: given by the operator or made once, kept in the database, bound to the log's name. */

import { formatCheckpoint, openCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { EMPTY_ROOT } from '#core/base/tlog/merkle.ts'
import {
  COSIGNATURE_ED25519,
  encodeBase64,
  openSigner,
  parseSigningKey,
  type Signer,
} from '#core/base/tlog/note.ts'
import type { Resources } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { openSeal, type Seal } from '#core/platform/seal-text.ts'
import {
  findFirstHead,
  insertHead,
  insertKey,
  type KeyRow,
  listKeys,
  lockKeys,
  replaceCheckpoint,
} from './queries.ts'

export interface LogKeys {
  /** The first line of every checkpoint, and the name of the log's key. */
  readonly origin: string
  readonly log: Signer
  /** Cosigns checkpoints of other logs. */
  readonly witness: Signer
}

export interface KeyOptions {
  /** The name that a new log gets. */
  readonly origin: string
  /** True when the operator has given the name: a log of another name is then refused. */
  readonly isOriginGiven: boolean
  /** PRIVATE+KEY+name+id+base64; absent: made at the first start. */
  readonly signingKey: string | undefined
  readonly secret: string | undefined
}

/**
 * Opens them, making what is missing; safe when several processes start at once. A log keeps its name for ever.
 * @throws when the configuration names another log than the database holds, or the head is not signed by a key of ours
 */
export async function openKeys(resources: Resources, options: KeyOptions): Promise<LogKeys> {
  const seal = openSeal(options.secret, resources.random)
  return resources.db.transaction(async (tx) => {
    await lockKeys(tx)
    const time = resources.clock.fixed
    const given = options.signingKey === undefined ? null : parseSigningKey(options.signingKey)
    if (options.signingKey !== undefined && !given)
      throw new Error('EVENT_STORE_SIGNING_KEY: is no signing key PRIVATE+KEY+<name>+<id>+<base64>')
    const kept = await listKeys(tx)
    const head = await findFirstHead(tx)
    const origin = head?.origin ?? given?.name ?? options.origin
    if (options.isOriginGiven && options.origin !== origin)
      throw new Error(`EVENT_STORE_ORIGIN: the database holds the log ${origin}; a log keeps its name`)
    if (given && given.name !== origin)
      throw new Error(`EVENT_STORE_SIGNING_KEY: is a key of ${given.name}, and this log is ${origin}`)
    const seedOf = async (purpose: KeyRow['purpose'], name: string): Promise<Uint8Array> => {
      const row = kept.find((key) => key.purpose === purpose)
      if (row) return new Uint8Array(Buffer.from(seal.unseal(row.private_key), 'base64'))
      return makeKey(tx, resources, seal, purpose, name)
    }
    const log = openSigner(origin, given?.seed ?? (await seedOf('log', origin)))
    const witnessName = `${origin}/witness`
    const witness = openSigner(witnessName, await seedOf('witness', witnessName), COSIGNATURE_ED25519)
    if (!head) {
      const text = formatCheckpoint({ origin, size: 0, root: EMPTY_ROOT })
      await insertHead(tx, { origin, root: EMPTY_ROOT, checkpoint: `${text}\n${log.sign(text)}` }, time)
    } else if (!openCheckpoint(head.checkpoint, [log.verifier])) {
      // The operator has given another key: it signs the head as it stands, and history stays what it was.
      if (!given) throw new Error('The head of the log is not signed by the key in the database')
      const text = formatCheckpoint({ origin, size: Number(head.size), root: head.root })
      await replaceCheckpoint(tx, head.size, `${text}\n${log.sign(text)}`, time)
    }
    return { origin, log, witness }
  })
}

async function makeKey(
  tx: Transaction,
  resources: Resources,
  seal: Seal,
  purpose: KeyRow['purpose'],
  name: string,
): Promise<Uint8Array> {
  const seed = resources.random(32)
  const type = purpose === 'witness' ? COSIGNATURE_ED25519 : undefined
  const { verifier } = openSigner(name, seed, type)
  const row = { purpose, name, private_key: seal.seal(encodeBase64(seed)), verifier: verifier.text }
  await insertKey(tx, row, resources.clock.fixed)
  return seed
}
