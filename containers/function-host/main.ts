/** The program of the function host: prepares the process, then runs the host. */
import { prepareProcess } from './prepare-process.ts'

prepareProcess()
// Not before: what is loaded earlier is compiled anew in every process.
const { runHost } = await import('./run-host.ts')
await runHost()
