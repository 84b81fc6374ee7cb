/** Judges the three files that spire-agent proves itself with (row 1: it does not start). */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readFacts, uses } from '#core/platform/spiffe/read-certificate.ts'
import { bad, type Finding, good } from './findings.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 14
const CHECK = 'key of spire-agent'

/** Reads and judges them. */
export async function judgeAgent(folder: string, now: Date): Promise<Finding[]> {
  const files = ['agent.crt.pem', 'agent.key.pem', 'bundle.pem']
  const texts: string[] = []
  for (const name of files) {
    const text = await readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => error)
    if (typeof text === 'string') texts.push(text)
    else if (text.code === 'ENOENT')
      return [
        bad(
          'fail',
          CHECK,
          'missing',
          `${join(folder, name)} is not there: copy the files of your onboarding into this folder, or run operate init for a placeholder. Without any the agent ends at once; local use goes on.`,
          1,
        ),
      ]
    else
      return [
        bad(
          'fail',
          CHECK,
          'unreadable',
          `${join(folder, name)} cannot be read (${text.code}): chmod 600, owned by you`,
          1,
        ),
      ]
  }
  const [certificate = '', key = '', bundle = ''] = texts
  const { mode } = await stat(join(folder, 'agent.key.pem'))
  const open =
    (mode & 0o077) === 0
      ? []
      : [bad('warn', 'mode of the key', 'too_open', `chmod 600 ${join(folder, 'agent.key.pem')}`, 1)]
  return [judgePair(certificate, key, now), judgeBundle(bundle), ...open]
}

function judgePair(text: string, keyText: string, now: Date): Finding {
  let certificate: X509Certificate
  let key: KeyObject
  try {
    certificate = new X509Certificate(text)
    key = createPrivateKey(keyText)
  } catch {
    return bad('fail', CHECK, 'unreadable', 'agent.crt.pem or agent.key.pem is no PEM', 1)
  }
  if (certificate.subject.includes('placeholder'))
    return bad(
      'warn',
      CHECK,
      'placeholder',
      'No identity yet: federation is off, local use works. Ask your mainframe for an x509pop certificate.',
      1,
    )
  if (!certificate.checkPrivateKey(key))
    return bad('fail', CHECK, 'key_mismatch', 'agent.key.pem is not the key of agent.crt.pem (leaf first)', 1)
  if (now < certificate.validFromDate)
    return bad(
      'fail',
      CHECK,
      'not_yet_valid',
      `It begins on ${certificate.validFrom}: is the clock of this machine right?`,
      1,
    )
  if (now > certificate.validToDate)
    return bad(
      'fail',
      CHECK,
      'expired',
      `It ended on ${certificate.validTo}: ask your mainframe for a new one`,
      1,
    )
  const usage = readFacts(certificate)?.keyUsage
  if (!usage || (usage.bits & uses.digitalSignature) === 0)
    return bad(
      'fail',
      CHECK,
      'no_digital_signature',
      'x509pop takes a certificate with the use digitalSignature only',
      1,
    )
  const days = Math.floor((certificate.validToDate.getTime() - now.getTime()) / DAY_MS)
  if (days < SOON_DAYS)
    return bad('warn', CHECK, 'ends_soon', `It ends in ${days} days: ask your mainframe for a new one`, 1)
  return good(CHECK, 'ok', 1)
}

function judgeBundle(text: string): Finding {
  const check = 'authorities of the mainframe'
  try {
    new X509Certificate(text)
    return good(check, 'ok', 2)
  } catch {
    return bad(
      'fail',
      check,
      'unreadable',
      'bundle.pem is no PEM: it is what `spire-server bundle show` prints at the mainframe',
      2,
    )
  }
}
