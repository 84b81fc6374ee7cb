/** Makes an identity of a message of the Workload API, or says why it is none: nothing unchecked is handed on. */
import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { parseSpiffeId, type SpiffeId } from '#core/base/spiffe-id.ts'
import { judgeChain, judgeSigner, type SvidFault } from './judge-svid.ts'
import { splitCertificates } from './read-certificate.ts'
import type { RawSvid, X509Message } from './workload-api.ts'

export interface Svid {
  readonly id: SpiffeId
  /** Leaf first. */
  readonly chain: readonly X509Certificate[]
  readonly key: KeyObject
  readonly hint: string
}

/** All that a workload holds at a moment: identities and bundles belong together. */
export interface X509Context {
  /** In the agent's order: the first one is the default. */
  readonly svids: readonly Svid[]
  /** Authorities by trust domain. */
  readonly bundles: ReadonlyMap<string, readonly X509Certificate[]>
}

export type MessageFault = SvidFault | 'no_svids' | 'id_mismatch' | 'bad_key' | 'key_mismatch' | 'bad_bundle'

/** A message that is refused whole. */
export class MessageRefused extends Error {
  readonly fault: MessageFault
  constructor(fault: MessageFault, subject: string) {
    super(`${subject}: ${fault}`)
    this.name = 'MessageRefused'
    this.fault = fault
  }
}

/** @throws MessageRefused */
export function readMessage(message: X509Message, now: Date): X509Context {
  if (message.svids.length === 0) throw new MessageRefused('no_svids', 'the message')
  const bundles = new Map<string, readonly X509Certificate[]>()
  for (const [name, der] of Object.entries(message.federated_bundles)) {
    const id = parseSpiffeId(name)
    if (id?.path !== '') throw new MessageRefused('bad_bundle', name)
    bundles.set(id.trustDomain, readBundle(der, id.trustDomain, now))
  }
  const hints = new Set<string>()
  const svids: Svid[] = []
  for (const raw of message.svids) {
    // Of several with one hint the first counts.
    if (raw.hint !== '' && hints.has(raw.hint)) continue
    hints.add(raw.hint)
    svids.push(readSvid(raw, bundles, now))
  }
  return { svids, bundles }
}

function readSvid(raw: RawSvid, bundles: Map<string, readonly X509Certificate[]>, now: Date): Svid {
  const told = parseSpiffeId(raw.spiffe_id)
  if (!told) throw new MessageRefused('no_spiffe_id', 'the message')
  const refuse = (fault: MessageFault) => new MessageRefused(fault, told.text)
  const chain = splitCertificates(raw.x509_svid)
  const leaf = chain?.[0]
  if (!chain || !leaf) throw refuse('unreadable')
  const bundle = readBundle(raw.bundle, told.trustDomain, now)
  const judged = judgeChain(chain, (domain) => (domain === told.trustDomain ? bundle : null), now)
  if (judged.fault !== null) throw refuse(judged.fault)
  if (judged.id.text !== told.text) throw refuse('id_mismatch')
  const key = readKey(raw.x509_svid_key)
  if (!key) throw refuse('bad_key')
  if (!leaf.checkPrivateKey(key)) throw refuse('key_mismatch')
  bundles.set(told.trustDomain, bundle)
  return { id: judged.id, chain, key, hint: raw.hint }
}

/** A bundle may be empty of nothing but faults: one authority that is out of time does not spoil the others. */
function readBundle(der: Uint8Array, domain: string, now: Date): readonly X509Certificate[] {
  const found = splitCertificates(der)
  if (!found) throw new MessageRefused('bad_bundle', domain)
  const good = found.filter((authority) => judgeSigner(authority, domain, now) === null)
  if (good.length === 0) throw new MessageRefused('bad_bundle', domain)
  return good
}

function readKey(der: Buffer): KeyObject | null {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    return null
  }
}
