/** The version of this code; a test holds it equal to package.json (bundles have no package.json to read). */

export const VERSION = '0.1.0'
