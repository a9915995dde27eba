// The text of the query help in Explore. Each title belongs to a query in editor/presets.ts.

export const helpStrings = {
  container: 'data-testid cbc query help',
  presets: 'Start from an example',
  preset: (title: string) => `Use example: ${title}`,
  language: 'The query language',
  languageIntroduction:
    'The Lucene query is sent to Carbon Black Cloud unchanged. Write AND or OR between words: how Carbon Black Cloud combines ' +
    'words without an operator is not documented. Filters are added with AND and take values without escaping.',
  syntax: [
    ['description:login', 'the word login in the description; case does not matter'],
    ['description:"logged in"', 'these words, next to each other'],
    ['description:(login OR "logged in")', 'one or the other'],
    ['actor:jane* AND NOT flagged:true', 'actors that start with jane, without flagged events'],
    ['actor_ip:10.0.0.?', '? stands for one character, * for any number'],
    ['request_url:\\/access\\/v2*', 'special characters + - & | ! ( ) { } [ ] ^ " ~ * ? : \\ / need a backslash'],
    ['actor:$actor', 'a dashboard variable; its values are escaped, several become ("a" OR "b")'],
  ] as [example: string, meaning: string][],
};

export const presetStrings = {
  failedLogins: { title: 'Failed logins', description: 'The newest failed login attempts.' },
  failedLoginsByActor: { title: 'Failed logins by account and address', description: 'Who fails most often, and from where.' },
  loginsOverTime: { title: 'Logins over time', description: 'Successful and failed logins, side by side.' },
  newAddress: { title: 'Login from a new address', description: 'Accounts and addresses that did not occur together in the last 30 days.' },
  newAction: { title: 'New action of an account', description: 'Accounts and actions that did not occur together in the last 90 days.' },
  policyChanges: { title: 'Policy changes', description: 'Who changed which policy, one row per edit.' },
  apiKeys: { title: 'API keys and connectors', description: 'API keys that were created or changed, or whose secret was read.' },
  flaggedByActor: { title: 'Flagged events by account', description: 'The number of events per account that Carbon Black Cloud flagged.' },
  withoutVendor: { title: 'Everything but vendor staff', description: 'All events except those of VMware employees.' },
};
