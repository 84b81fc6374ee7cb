/** Tells apart what looks alike from outside: why a peer or the EventStore is not reached (rows 4, 5 and 6). Pure. */
import { bad, type Finding, good } from './findings.ts'

/** What was seen of the other side without showing anything of ours. */
export type Seen =
  | { readonly kind: 'unreachable'; readonly code: string }
  | { readonly kind: 'no_tls'; readonly code: string }
  | {
      readonly kind: 'certificate'
      readonly notBefore: Date
      readonly notAfter: Date
      /** By the authorities of the trust domain that it should belong to; null: none are known. */
      readonly isTrusted: boolean | null
      readonly isForHost: boolean
    }

export interface Link {
  readonly check: string
  readonly row: 4 | 5 | 6
  /** What came back through the sidecar; null: the sidecar itself did not answer. */
  readonly status: number | null
  readonly seen: Seen
  readonly own: { readonly notBefore: Date; readonly notAfter: Date } | null
  readonly now: Date
  /** The other side's clock, where it told. */
  readonly theirs: Date | null
}

const SKEW_MS = 60_000

/** The cause, and what to do. */
export function judgeLink(link: Link): Finding {
  const { check, row, status, seen, own, now, theirs } = link
  const fail = (cause: string, hint: string) => bad('fail', check, cause, hint, row)
  const skew = theirs ? theirs.getTime() - now.getTime() : 0
  if (status !== null && status < 300)
    return Math.abs(skew) > SKEW_MS
      ? bad(
          'warn',
          check,
          'clock_skew',
          `The clocks differ by ${Math.round(skew / 1000)} s: set this machine to NTP`,
          row,
        )
      : good(check, 'ok', row)
  if (!own) return fail('no_identity', 'This registry has no identity now: see the identity above')
  if (status === null)
    return fail('sidecar_away', 'nginx-federation does not answer: docker compose logs nginx-federation')
  if (now > own.notAfter)
    return fail(
      'own_certificate_expired',
      'Our certificate has ended: docker compose logs spire-agent cert-writer; restart spire-agent, then cert-writer',
    )
  if (now < own.notBefore || Math.abs(skew) > SKEW_MS)
    return fail(
      'clock_skew',
      'The clock of this machine is wrong (certificates are valid for one hour only): set it to NTP',
    )
  if (seen.kind === 'unreachable')
    return fail('unreachable', `No connection (${seen.code}): check the address, the firewall, and DNS`)
  if (seen.kind === 'no_tls')
    return fail('no_tls', `What answers there speaks no TLS (${seen.code}): check the port`)
  if (now > seen.notAfter)
    return fail('their_certificate_expired', 'The certificate of the other side has ended: tell its operator')
  if (now < seen.notBefore)
    return fail('clock_skew', 'Their certificate begins later than our clock says: one of the two is wrong')
  if (seen.isTrusted === null)
    return fail(
      'domain_unknown',
      'The authorities of its trust domain have not come: the mainframe must federate our entry with it (-federatesWith)',
    )
  if (status === 421)
    return fail(
      'not_listed',
      'nginx-federation does not have it: it is in quarantine here (GET /api/v1/federation/quarantine), or was named some seconds ago',
    )
  if (!seen.isTrusted)
    return fail(
      'wrong_domain',
      'Its certificate is of another trust domain than FEDERATION_PEERS or SPIRE_TRUST_DOMAIN says',
    )
  if (!seen.isForHost)
    return fail(
      'wrong_host',
      'Its certificate is not for this host name: its SPIRE entry lacks the -dns of its federation host',
    )
  if (status === 401 || status === 403)
    return fail(
      'revoked',
      `It refuses our certificate (${status}) although it is in time: the attestation was revoked, it has us in quarantine, or it does not know our trust domain. Contact your parent frame`,
    )
  if (status === 404)
    return fail(
      'not_a_registry',
      'There is no federation at this address: check url of FEDERATION_PEERS (FEDERATION_BASE_URL of the peer)',
    )
  return fail(`answered_${status}`, 'It is reached and trusted, but does not work: ask its operator')
}
