/** The version of this code, from package.json (bundlers take it in). */
import manifest from '../../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
