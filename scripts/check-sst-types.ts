/** Checks sst.config.ts and the stacks against the true types of an installed SST, in the place of the checked-in shim. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'

const TYPES = '.sst/platform/config.d.ts'

/** A reference that SST writes with the first deployment. */
const GENERATED = '.sst/types.generated.ts'

function run(command: string, args: readonly string[]): number {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, SST_TELEMETRY_DISABLED: '1' },
  })
  if (error) throw new Error(`${command} could not be started: ${error.message}`)
  return status ?? 1
}

function main(): number {
  if (!existsSync(TYPES)) {
    process.stdout.write(
      'The types of SST are fetched once, by `npx sst@4.17.1 install` (needs the network).\n',
    )
    const status = run('npx', ['--yes', 'sst@4.17.1', 'install', '--stage', 'types'])
    if (status !== 0 || !existsSync(TYPES)) throw new Error('SST could not be installed: see docs/faas.md')
  }
  mkdirSync('.sst', { recursive: true })
  if (!existsSync(GENERATED)) writeFileSync(GENERATED, 'export {}\n')
  writeFileSync(
    '.sst/tsconfig.json',
    JSON.stringify({
      extends: '../tsconfig.json',
      include: ['platform/config.d.ts', '../sst.config.ts', '../stacks'],
      exclude: ['../stacks/sst-shim.d.ts'],
    }),
  )
  return run('tsc', ['--noEmit', '-p', '.sst/tsconfig.json'])
}

process.exitCode = main()
