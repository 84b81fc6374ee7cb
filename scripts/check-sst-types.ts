/** Checks sst.config.ts and the stacks against the true types of SST, in the place of the checked-in shim. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const SST = 'sst@4.17.1'
const TYPES = '.sst/platform/config.d.ts'
/** Where SST looks for its tools. */
const TOOLS = '.sst/tools'
/** SST wants to find this before each command, though types need none of it. */
const PULUMI = 'v3.215.0'

/** A reference that SST writes with the first deployment. */
const GENERATED = '.sst/types.generated.ts'

/** A fault that true types find: were they not found, everything would be right. */
const PROBE = '.sst/probe.ts'
const probe = `// @ts-expect-error no argument of that name
new sst.aws.CronV2('Probe', { schedule: 'rate(1 minute)', function: 'index.handler', retriez: 2 })
`

/** SST's own sources resolve as for a bundler; by our rules they would all come out as `any`. */
const options = {
  target: 'esnext',
  lib: ['esnext'],
  types: ['node'],
  module: 'esnext',
  moduleResolution: 'bundler',
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
}

const environment = {
  ...process.env,
  SST_TELEMETRY_DISABLED: '1',
  // Its own packages by npm; otherwise it would fetch another package manager.
  NO_BUN: '1',
  XDG_CONFIG_HOME: resolve(TOOLS),
}

function installTypes(): void {
  process.stdout.write(`The types of SST are fetched once from npm (${SST}, some 300 MB in .sst/).\n`)
  const bin = `${TOOLS}/sst/bin`
  mkdirSync(bin, { recursive: true })
  writeFileSync(`${bin}/pulumi`, `#!/bin/sh\necho ${PULUMI}\n`, { mode: 0o755 })
  const { status, error } = spawnSync('npx', ['--yes', SST, 'install', '--stage', 'types'], {
    stdio: 'inherit',
    env: environment,
  })
  if (error) throw new Error(`npx could not be started: ${error.message}`)
  if (status !== 0 || !existsSync(TYPES)) throw new Error('SST could not be installed: see docs/faas.md')
}

/** Faults of ours; SST brings a second @types/node, with which what is not ours here may disagree. */
const isOurs = (line: string): boolean => /^(?:stacks\/|sst\.config\.ts|\.sst\/probe\.ts|error TS)/.test(line)

function main(): number {
  if (!existsSync(TYPES)) installTypes()
  if (!existsSync(GENERATED)) writeFileSync(GENERATED, 'export {}\n')
  writeFileSync(PROBE, probe)
  writeFileSync(
    '.sst/tsconfig.json',
    JSON.stringify({
      compilerOptions: options,
      include: ['platform/config.d.ts', 'probe.ts', '../sst.config.ts', '../stacks'],
      exclude: ['../stacks/sst-shim.d.ts'],
    }),
  )
  const { stdout, status, error } = spawnSync('tsc', ['--pretty', 'false', '-p', '.sst/tsconfig.json'], {
    encoding: 'utf8',
  })
  if (error) throw new Error(`tsc could not be started: ${error.message}`)
  const faults = stdout.split('\n').filter(isOurs)
  if (status === null) throw new Error('tsc was ended')
  for (const fault of faults) process.stdout.write(`${fault}\n`)
  process.stdout.write(
    faults.length === 0
      ? `sst.config.ts and stacks/ agree with the types of ${SST}.\n`
      : `${faults.length} faults against the types of ${SST}.\n`,
  )
  return faults.length === 0 ? 0 : 1
}

process.exitCode = main()
