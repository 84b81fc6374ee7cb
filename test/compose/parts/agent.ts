/** Stands in for spire-agent in the compose tests: the same socket, the same protocol, what to say in a file that the test writes. */
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { type FakeMessage, serveWorkloadApi } from '#test/support/workload-api.ts'

const MATERIAL = process.env.AGENT_MATERIAL ?? '/material/message.json'
const SOCKET = process.env.AGENT_SOCKET ?? '/run/spire/sockets/agent.sock'
const LOOK_MS = 200

interface Told {
  readonly refuse?: { readonly code: number; readonly details: string }
  readonly svids?: readonly {
    readonly spiffe_id: string
    readonly x509_svid: string
    readonly x509_svid_key: string
    readonly bundle: string
  }[]
  readonly federated_bundles?: Readonly<Record<string, string>>
}

const bytes = (text: string) => Buffer.from(text, 'base64')
const messageOf = ({ svids = [], federated_bundles = {} }: Told): FakeMessage => ({
  svids: svids.map((svid) => ({
    spiffe_id: svid.spiffe_id,
    x509_svid: bytes(svid.x509_svid),
    x509_svid_key: bytes(svid.x509_svid_key),
    bundle: bytes(svid.bundle),
    hint: '',
  })),
  federated_bundles: Object.fromEntries(
    Object.entries(federated_bundles).map(([name, text]) => [name, bytes(text)]),
  ),
})

const api = await serveWorkloadApi(SOCKET)
// As the real one: whoever reaches the socket may ask.
chmodSync(SOCKET, 0o777)
let seen = ''
const look = () => {
  let version = 'none'
  try {
    const { mtimeMs, ino } = statSync(MATERIAL)
    version = `${ino} ${mtimeMs}`
  } catch {
    // Nothing to say: an agent without a registration entry.
  }
  if (version === seen) return
  seen = version
  const told: Told =
    version === 'none'
      ? { refuse: { code: 7, details: 'no identity issued' } }
      : JSON.parse(readFileSync(MATERIAL, 'utf8'))
  if (told.refuse) api.refuse(told.refuse.code, told.refuse.details)
  else api.send(messageOf(told))
}
look()
setInterval(look, LOOK_MS)
process.stdout.write('the stand-in of spire-agent listens\n')
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))
