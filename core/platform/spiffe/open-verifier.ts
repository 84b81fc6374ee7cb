/** Verifies the certificates of peers against what cert-writer keeps: each against the bundle of its own trust domain. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerCaller } from '#core/base/caller.ts'
import { registryOf } from '#core/base/spiffe-id.ts'
import { judgeChain } from './judge-svid.ts'

export interface PeerVerifier {
  /** The workload of a leaf, or null: it is not believed. */
  verify(leaf: X509Certificate): PeerCaller | null
  /** The same of a certificate as nginx forwards it: PEM, percent-encoded. */
  verifyForwarded(text: string): PeerCaller | null
}

const CERTIFICATE_BYTES_MAX = 16 * 1024
/** Verified leaves that are remembered until the bundles change or one of them ends. */
const KNOWN_MAX = 1000

interface Known {
  readonly peer: PeerCaller
  readonly until: number
}

/**
 * Opens it on an identity's folder. The link is read for each certificate, so that a bundle that was withdrawn is out
 * with the next request. A leaf must be issued by its bundle directly: nginx forwards no more than the leaf.
 */
export function openVerifier(folder: string, now: () => Date): PeerVerifier {
  let version: string | null = null
  const bundles = new Map<string, readonly X509Certificate[] | null>()
  const known = new Map<string, Known>()

  const isCurrent = (): boolean => {
    try {
      const next = readlinkSync(join(folder, 'current'))
      if (next !== version) {
        version = next
        bundles.clear()
        known.clear()
      }
      return true
    } catch {
      // No identity was ever written: nobody can be believed.
      return false
    }
  }
  const bundleOf = (domain: string) => {
    let bundle = bundles.get(domain)
    if (bundle === undefined) {
      bundle = version === null ? null : readBundle(join(folder, version, 'bundles', `${domain}.pem`))
      bundles.set(domain, bundle)
    }
    return bundle
  }
  const verify = (leaf: X509Certificate): PeerCaller | null => {
    if (!isCurrent()) return null
    const time = now()
    const print = leaf.fingerprint256
    const earlier = known.get(print)
    if (earlier && time.getTime() <= earlier.until) return earlier.peer
    const judged = judgeChain([leaf], bundleOf, time)
    if (judged.fault !== null) return null
    const peer: PeerCaller = {
      kind: 'peer',
      spiffeId: judged.id.text,
      trustDomain: judged.id.trustDomain,
      registry: registryOf(judged.id),
    }
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(print, { peer, until: leaf.validToDate.getTime() })
    return peer
  }
  return {
    verify,
    verifyForwarded(text) {
      if (text.length > CERTIFICATE_BYTES_MAX) return null
      try {
        return verify(new X509Certificate(decodeURIComponent(text)))
      } catch {
        return null
      }
    },
  }
}

/** The authorities of a file, one PEM behind another; null where there are none. */
export function readBundle(path: string): readonly X509Certificate[] | null {
  try {
    const found = readFileSync(path, 'utf8').match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
    )
    return found?.map((pem) => new X509Certificate(pem)) ?? null
  } catch {
    return null
  }
}
