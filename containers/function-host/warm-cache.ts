/** Fills the compile cache of an image while it is built: its containers cannot write, and begin with what is there. */
import { flushCompileCache } from 'node:module'
import { eventStoreDoors, registryDoors, tegDoors } from '#functions/index.ts'
import { reactions } from '#functions/reactors/index.ts'
import { timetable } from '#schedules/index.ts'
import { prepareProcess } from './prepare-process.ts'

prepareProcess()
await import('./run-host.ts')
await import('./start-host.ts')
for (const table of [registryDoors, tegDoors, eventStoreDoors, timetable, reactions])
  for (const line of Object.values(table)) await line.load()
flushCompileCache()
