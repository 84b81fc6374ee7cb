/** The rules of X.509-SVIDs (X509-SVID.md), one by one: of a leaf, of those that sign it, and of the way to the bundle. */
import type { X509Certificate } from 'node:crypto'
import { parseSpiffeId, type SpiffeId } from '#core/base/spiffe-id.ts'
import { type CertificateFacts, purposes, readFacts, uses } from './read-certificate.ts'

/** What is wrong with a certificate: told in logs, metrics and refusals. */
export type SvidFault =
  | 'unreadable'
  | 'no_uri'
  | 'several_uris'
  | 'no_spiffe_id'
  | 'no_path'
  | 'is_authority'
  | 'no_key_usage'
  | 'key_usage_not_critical'
  | 'no_digital_signature'
  | 'may_sign_certificates'
  | 'may_sign_crls'
  | 'extended_uses_incomplete'
  | 'not_yet_valid'
  | 'expired'
  | 'signer_is_no_authority'
  | 'signer_may_not_sign'
  | 'signer_has_path'
  | 'signer_of_other_domain'
  | 'path_too_long'
  | 'untrusted'

export type Judged<T> = ({ readonly fault: null } & T) | { readonly fault: SvidFault }

const CHAIN_MAX = 5

/** Judges a leaf by itself: sections 2 to 4 for what presents itself as a workload. */
export function judgeLeaf(leaf: X509Certificate, now: Date): Judged<{ id: SpiffeId }> {
  const facts = readFacts(leaf)
  if (!facts) return { fault: 'unreadable' }
  const [uri, ...others] = facts.uris
  if (uri === undefined) return { fault: 'no_uri' }
  if (others.length > 0) return { fault: 'several_uris' }
  const id = parseSpiffeId(uri)
  if (!id) return { fault: 'no_spiffe_id' }
  if (id.path === '') return { fault: 'no_path' }
  const fault = judgeUses(facts) ?? judgeTime(leaf, now)
  return fault ? { fault } : { fault: null, id }
}

function judgeUses({ isAuthority, keyUsage, extendedUses }: CertificateFacts): SvidFault | null {
  if (isAuthority) return 'is_authority'
  if (!keyUsage) return 'no_key_usage'
  if (!keyUsage.isCritical) return 'key_usage_not_critical'
  if ((keyUsage.bits & uses.digitalSignature) === 0) return 'no_digital_signature'
  if ((keyUsage.bits & uses.certSign) !== 0) return 'may_sign_certificates'
  if ((keyUsage.bits & uses.crlSign) !== 0) return 'may_sign_crls'
  if (extendedUses && ![purposes.server, purposes.client].every((use) => extendedUses.includes(use)))
    return 'extended_uses_incomplete'
  return null
}

function judgeTime({ validFromDate, validToDate }: X509Certificate, now: Date): SvidFault | null {
  if (now < validFromDate) return 'not_yet_valid'
  return now > validToDate ? 'expired' : null
}

/** Judges what signs: an authority that may, of the same trust domain where it names one. */
export function judgeSigner(signer: X509Certificate, domain: string, now: Date): SvidFault | null {
  const facts = readFacts(signer)
  if (!facts) return 'unreadable'
  if (!facts.isAuthority) return 'signer_is_no_authority'
  if (!facts.keyUsage || (facts.keyUsage.bits & uses.certSign) === 0) return 'signer_may_not_sign'
  for (const uri of facts.uris.filter((text) => text.startsWith('spiffe:'))) {
    const id = parseSpiffeId(uri)
    if (!id) return 'unreadable'
    if (id.path !== '') return 'signer_has_path'
    if (id.trustDomain !== domain) return 'signer_of_other_domain'
  }
  return judgeTime(signer, now)
}

/**
 * Judges a chain, leaf first, against the bundle of the leaf's OWN trust domain: whoever holds another domain's authority
 * cannot make an ID of this one. @param bundleOf the authorities of a trust domain; null: none are known
 */
export function judgeChain(
  chain: readonly X509Certificate[],
  bundleOf: (domain: string) => readonly X509Certificate[] | null,
  now: Date,
): Judged<{ id: SpiffeId }> {
  const [leaf, ...between] = chain
  if (!leaf || chain.length > CHAIN_MAX) return { fault: 'unreadable' }
  const judged = judgeLeaf(leaf, now)
  if (judged.fault !== null) return judged
  const { trustDomain } = judged.id
  let at = leaf
  for (const [index, signer] of between.entries()) {
    const fault = judgeSigner(signer, trustDomain, now) ?? judgeLink(at, signer, index)
    if (fault) return { fault }
    at = signer
  }
  let fault: SvidFault = 'untrusted'
  for (const root of bundleOf(trustDomain) ?? []) {
    if (!isSignedBy(at, root) && !root.raw.equals(at.raw)) continue
    const found = judgeSigner(root, trustDomain, now) ?? judgeLink(at, root, between.length)
    if (!found) return { fault: null, id: judged.id }
    fault = found
  }
  return { fault }
}

/** @param below authorities between the signer and the leaf */
function judgeLink(signed: X509Certificate, signer: X509Certificate, below: number): SvidFault | null {
  if (!isSignedBy(signed, signer) && !signer.raw.equals(signed.raw)) return 'untrusted'
  const length = readFacts(signer)?.pathLength ?? null
  return length !== null && below > length ? 'path_too_long' : null
}

function isSignedBy(certificate: X509Certificate, signer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(signer) && certificate.verify(signer.publicKey)
  } catch {
    return false
  }
}
