/** The types of events that this registry tells, each with a sentence. A domain that emits a new type adds its line. */

export const eventTypes: Readonly<Record<string, string>> = {
  'account.changed': "An operator has changed an account's roles or status.",
  'developer.verified': 'A developer has verified the e-mail address of the account.',
  'agent.published': 'An agent and its card were published.',
  'agent.updated': "An agent's card or status has changed.",
  'agent.retired': 'An agent was retired; its hosted card is gone.',
  'genesis.granted': 'A developer has received the genesis grant on the first agent.',
  'transfer.completed': 'AVT has moved from one agent to another.',
  'policy.changed': 'An operator has replaced the emission policies.',
  'payment.issued': 'A payment token was issued: its amount is held.',
  'payment.redeemed': 'The payee has redeemed a payment token, in whole or in part.',
  'payment.cancelled': 'The payer has cancelled a payment token.',
  'payment.expired': 'A payment token was not redeemed in time.',
  'supply.minted': 'An operator has issued AVT.',
  'supply.burned': 'An operator has destroyed AVT.',
  'transfer.rated': 'The payer of a transfer has rated what it has paid for.',
  'audit.report': "An audit has compared the TEG's books with the journal.",
  'task.failed': 'A run of a background task has failed, has run out of time or was given up.',
  'webhook.disabled':
    'The registry has disabled a webhook whose endpoint is gone, keeps failing or is too far behind.',
  'source.restored':
    "The registry's database was restored from a backup: its sources go on under new names behind this.",
  'peer.quarantined': 'An operator has put a peer, or a trust domain, into quarantine.',
  'peer.released': 'An operator has lifted a quarantine.',
  'settings.changed': 'An operator has changed settings of the registry.',
}
