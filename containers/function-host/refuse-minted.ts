/** Keeps a registry out of the federated mode whose TEG has ever minted: no start, and an end where it is found out later. */
import { ConfigError } from '#core/platform/config.ts'
import { findMintingFault, type MintingFault } from '#core/registry/audit/find-minting-fault.ts'
import type { RegistryResources } from '#core/registry/context.ts'

/** A start waits so long for the TEG's word: it may come up later than the registry. */
const ASK_MS_MAX = 2000
/** Then it is asked again until it answers. */
const AGAIN_MS = 5000

type Asks = Pick<RegistryResources, 'config' | 'teg' | 'log'>

export interface MintedPorts {
  readonly newId: () => string
  /** Ends the process in order: the next start says why. */
  readonly end: () => void
  /** Pauses (tests). */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/**
 * @returns ends the looks that go on while the TEG does not answer
 * @throws ConfigError with plain words
 */
export async function refuseMinted(resources: Asks, ports: MintedPorts): Promise<() => Promise<void>> {
  const stopping = new AbortController()
  const ask = () =>
    findMintingFault({
      ...resources,
      requestId: ports.newId(),
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(ASK_MS_MAX)]),
    }).catch(() => 'unknown' as const)
  const first = await ask()
  if (first === null) return async () => undefined
  if (first !== 'unknown') throw new ConfigError([first.words])
  resources.log.warn({ task: 'start' }, 'the TEG does not say yet whether it has ever minted')
  const { wait = pause } = ports
  const goOn = async () => {
    let answer: MintingFault | 'unknown' | null = 'unknown'
    while (answer === 'unknown' && !stopping.signal.aborted) {
      await wait(AGAIN_MS, stopping.signal)
      answer = await ask()
    }
    if (answer === null || answer === 'unknown') return
    resources.log.error({ error: new ConfigError([answer.words]) }, 'this registry may not run')
    ports.end()
  }
  const done = goOn()
  return async () => {
    stopping.abort(new Error('stopping'))
    await done
  }
}

const pause = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end, { once: true })
  })
