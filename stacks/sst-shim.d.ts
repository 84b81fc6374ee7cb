/** The part of SST that the stacks use, so that they are checked without SST; `npm run sst:types` checks them against SST itself. */

type Input<T> = T | Promise<T>

interface SstApp {
  readonly name: string
  readonly stage: string
}
interface SstConfig {
  app(input: { readonly stage?: string }): {
    name: string
    home: 'aws'
    removal?: 'remove' | 'retain' | 'retain-all'
    protect?: boolean
  }
  run(): Promise<Record<string, unknown> | undefined>
}
declare function $config(config: SstConfig): SstConfig
declare const $app: SstApp

declare namespace sst {
  class Secret {
    constructor(name: string, placeholder?: string)
    readonly name: string
    readonly value: Input<string>
  }
  namespace aws {
    interface FunctionArgs {
      handler: string
      bundle?: string
      description?: string
      runtime?: 'nodejs22.x' | 'nodejs24.x'
      architecture?: 'x86_64' | 'arm64'
      memory?: `${number} MB`
      timeout?: `${number} seconds`
      environment?: Record<string, Input<string>>
      link?: unknown[]
      vpc?: Vpc
      streaming?: boolean
      url?: boolean
      logging?: { retention?: '1 week' | '1 month' | '3 months' }
    }
    // biome-ignore lint/suspicious/noShadowRestrictedNames: SST's own name
    class Function {
      constructor(name: string, args: FunctionArgs)
      readonly arn: Input<string>
      readonly url: Input<string>
    }
    class ApiGatewayV2 {
      constructor(name: string, args?: { domain?: string; cors?: boolean })
      route(route: string, handler: Input<string>): unknown
      readonly url: Input<string>
    }
    class Queue {
      constructor(name: string)
      readonly arn: Input<string>
    }
    class CronV2 {
      constructor(
        name: string,
        args: {
          schedule: `rate(${number} minute)` | `rate(${number} minutes)` | `cron(${string})`
          function: Input<string>
          timezone?: string
          retries?: number
          dlq?: Input<string>
          enabled?: boolean
        },
      )
    }
    class Vpc {
      constructor(name: string, args?: { nat?: 'managed' | 'ec2'; bastion?: boolean })
      static get(name: string, id: string): Vpc
    }
    class Postgres {
      constructor(name: string, args: { vpc: Vpc; version?: string; proxy?: boolean })
    }
    class Redis {
      constructor(name: string, args: { vpc: Vpc; engine?: 'redis' | 'valkey' })
    }
  }
}
