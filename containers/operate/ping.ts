/** Asks a peer of FEDERATION_PEERS who this registry is for it: through nginx-federation, under the identity of the stack. */
import { readConfig } from '#core/platform/config.ts'
import { openSidecar } from '#core/platform/open-sidecar.ts'
import { type Command, readArgs, UsageError } from './command.ts'

const WAIT_MS = 10_000
const PATH = '/api/v1/federation/ping'

const ping: Command = async (args, { env, print }) => {
  const { rest } = readArgs(args, [])
  const config = readConfig({ ...env, METRICS_PORT: '0' })
  const { FEDERATION_PROXY_URL: url, FEDERATION_PROXY_TOKEN: token, FEDERATION_PEERS: peers } = config
  const peer = peers.find(({ name }) => name === rest[0])
  if (!peer || rest.length > 1)
    throw new UsageError(
      `operate ping NAME, in the registry's container; FEDERATION_PEERS names ${peers.map(({ name }) => name).join(', ') || 'nobody'}`,
    )
  if (!url || !token)
    throw new UsageError('Peers are reached through FEDERATION_PROXY_URL: it is not set here')
  const sidecar = openSidecar({ url, token })
  try {
    const request = new Request(new URL(PATH, peer.url), { signal: AbortSignal.timeout(WAIT_MS) })
    const reply = await sidecar.fetchFor(peer.name)(request)
    const text = await reply.text()
    if (reply.status === 200) print(text)
    else print(`${peer.url} answers ${reply.status}: operate doctor --live tells why\n${text.slice(0, 500)}`)
    return reply.status === 200 ? 0 : 1
  } catch (error) {
    print(`nginx-federation does not answer: ${(error as Error).message}`)
    return 1
  } finally {
    await sidecar.close()
  }
}
export default ping
