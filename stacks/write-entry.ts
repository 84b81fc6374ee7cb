/** Writes the few lines that join one line of a table with a host: what a bundle begins with. */
import { describePages } from './describe-pages.ts'
import { type Entry, type Service, taskLines } from './list-entries.ts'

export type Target = 'lambda' | 'lambda-stream' | 'worker'

const openers: Readonly<Record<Service, { open: string; compose: string; file: string }>> = {
  registry: { open: 'openRegistry', compose: 'composeRegistry', file: 'open-registry' },
  teg: { open: 'openTeg', compose: 'composeTeg', file: 'open-teg' },
  'event-store': { open: 'openEventStore', compose: 'composeEventStore', file: 'open-event-store' },
}

/** The text of an entry; its imports are those of a file in the root. */
export async function writeEntry(entry: Entry, target: Target): Promise<string> {
  if (entry.kind === 'pages') return writePages(target)
  const { open, compose, file } = openers[entry.service]
  const own = `import own from './${entry.file}'\n`
  const opening = entry.service === 'registry' ? `(platform) => ${open}(platform, ${tasksOf(entry)})` : open
  if (entry.kind === 'door') {
    const door = `(opened) => ${compose}(opened, { prefix: ${JSON.stringify(entry.prefix)}, group: own })`
    const opener = `import { ${compose}, ${open} } from '#core/faas/${file}.ts'\n`
    if (target === 'worker')
      return `${own}${opener}${adapter('workerDoor', 'worker')}export default workerDoor(${opening}, ${door}, (line) => console.log(line))\n`
    if (target === 'lambda-stream')
      return `${own}${opener}${adapter('lambdaStream', 'lambda')}export const handler = lambdaStream(${opening}, ${door}, process, awslambda)\n`
    return `${own}${opener}${adapter('lambdaDoor', 'lambda')}export const handler = lambdaDoor(${opening}, ${door}, process)\n`
  }
  if (entry.service !== 'registry')
    throw new Error(`${entry.name}: the ${entry.service} has no tasks on a FaaS host yet`)
  const job =
    entry.kind === 'task'
      ? `taskJob(${JSON.stringify(entry.line)}, own)`
      : `reactorJob(${JSON.stringify(entry.reactor)}, own)`
  const imports = `${own}import { ${open} } from '#core/faas/${file}.ts'\nimport { ${entry.kind}Job } from '#core/faas/run-${entry.kind}.ts'\n`
  return target === 'worker'
    ? `${imports}${adapter('workerJob', 'worker')}export default workerJob(${opening}, ${job}, (line) => console.log(line))\n`
    : `${imports}${adapter('lambdaJob', 'lambda')}export const handler = lambdaJob(${opening}, ${job}, process)\n`
}

const adapter = (name: string, host: 'lambda' | 'worker'): string =>
  `import { ${name} } from '#core/faas/on-${host}.ts'\n`

/** Doors show the whole timetable to operators and settings; a job needs no line but its own. */
const tasksOf = (entry: Entry): string => (entry.kind === 'door' ? JSON.stringify(taskLines()) : '[]')

async function writePages(target: Target): Promise<string> {
  const opener = `import { composePages, openPages } from '#core/faas/serve-pages.ts'\n`
  const compose = `(opened) => composePages(opened, ${JSON.stringify(await describePages())})`
  return target === 'worker'
    ? `${opener}${adapter('workerDoor', 'worker')}export default workerDoor(openPages, ${compose}, (line) => console.log(line))\n`
    : `${opener}${adapter('lambdaDoor', 'lambda')}export const handler = lambdaDoor(openPages, ${compose}, process)\n`
}
