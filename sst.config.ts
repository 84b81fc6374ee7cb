/** Deploys the functions to AWS: `npm run bundle && npx sst deploy --stage <name>`. See docs/faas.md. */

/** Stages that outlive a mistake: their resources are kept, and removing them is refused. */
const lasting = ['production', 'staging']

export default $config({
  app: ({ stage = '' }) => ({
    name: 'ninefold',
    home: 'aws',
    removal: lasting.includes(stage) ? 'retain' : 'remove',
    protect: lasting.includes(stage),
  }),
  async run() {
    // Not before: SST reads `app` without the resources.
    const { deploy } = await import('./stacks/deploy.ts')
    return deploy(process.env)
  },
})
