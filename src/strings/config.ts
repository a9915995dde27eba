// The text of the configuration page, with its test ids.

const number = (value: number) => value.toLocaleString('en-US');

export const configStrings = {
  container: 'data-testid cbc config editor',
  url: {
    label: 'Environment or console URL',
    testId: 'data-testid cbc url',
    placeholder: 'Choose one, or type https://…',
    description: 'The address of the console in your browser.',
  },
  orgKey: {
    label: 'Org key',
    testId: 'data-testid cbc org key',
    placeholder: 'ABCD1234',
    description: 'Shown in the console under Settings > API Access.',
  },
  apiId: { label: 'API ID', testId: 'data-testid cbc api id', placeholder: 'ABCD123456' },
  apiSecret: { label: 'API secret key', testId: 'data-testid cbc api secret', placeholder: 'The secret shown when the key was created' },
  authMethod: {
    label: 'Authentication',
    testId: 'data-testid cbc auth method',
    apiKey: 'API key',
    oauthApp: 'OAuth app',
    description: 'An API key of the console, or an OAuth app with client credentials for organizations in VMware Cloud Services.',
  },
  oauthAppId: { label: 'OAuth app ID', testId: 'data-testid cbc oauth app id', placeholder: 'The ID of the app' },
  oauthAppSecret: { label: 'OAuth app secret', testId: 'data-testid cbc oauth app secret', placeholder: 'The secret shown when the app was created' },
  oauthTokenUrl: {
    label: 'Token URL',
    testId: 'data-testid cbc oauth token url',
    placeholder: 'https://console.cloud.vmware.com/csp/gateway/am/api/auth/token',
    description: 'The token service; leave it empty for the default.',
  },
  health: {
    label: 'Last test',
    testId: 'data-testid cbc health steps',
    states: { ok: 'Passed', warning: 'Warning', failed: 'Failed', skipped: 'Not checked' },
  },
  budgetUse: {
    testId: 'data-testid cbc budget use',
    inUse: (used: number, limit: number, left: number) =>
      `In use: ${number(used)} of ${number(limit)} requests in the last five minutes, ${number(left)} left.`,
    advice: 'A dashboard of up to 10,000 events takes about 1 request per refresh, and each 10,000 further events 1 more. Leave room for other clients of the host, such as a SIEM.',
  },
  queueConfirm: {
    title: 'Read the queue?',
    body: 'Reading takes events out of the queue of this API key for good: other clients of the key, such as a SIEM, lose them. Continue only if this data source has an API key of its own.',
    confirm: 'Read the queue',
  },
  keyHelp: { label: 'How to create the API key', testId: 'data-testid cbc key help' },
  limits: { label: 'Limits', testId: 'data-testid cbc limits' },
  requestsPerFiveMinutes: {
    label: 'Requests per five minutes',
    testId: 'data-testid cbc requests per five minutes',
    description:
      'The maximum number of requests to this Carbon Black Cloud host in any five minutes, shared by all data sources of the host; the lowest limit applies, and alert rules go first.',
  },
  maxEvents: {
    label: 'Maximum events per query',
    testId: 'data-testid cbc max events',
    description: 'The maximum number of events that one query reads, and the highest limit of a query; an answer that needs more says that it is cut.',
  },
  settleSeconds: {
    label: 'Settle time in seconds',
    testId: 'data-testid cbc settle seconds',
    description: 'How late an event may arrive: older events are read once and cached, newer ones are requested again.',
  },
  queue: { label: 'Queue', testId: 'data-testid cbc queue' },
  queueEnabled: {
    label: 'Read the queue',
    testId: 'data-testid cbc queue enabled',
    description: 'Adds the queue as a source of queries, beside the search.',
  },
  queueWarning: {
    title: 'Reading the queue takes the events away from every other client',
    text: 'An API key has one queue, and Carbon Black Cloud delivers each event in it once. While this is on, other clients of the same API key, such as a SIEM, lose those events. Give this data source an API key of its own.',
  },
  queuePollSeconds: {
    label: 'Poll interval in seconds',
    testId: 'data-testid cbc queue poll seconds',
    description: 'The minimum time between two reads of the queue; a query in between is answered from what was read before.',
  },
  store: {
    label: 'Store',
    testId: 'data-testid cbc store',
    memory: 'Memory',
    postgres: 'PostgreSQL',
    memoryHint: 'Memory is for one Grafana server: it ends with the process and is rebuilt by a search of the last three days.',
    postgresHint: 'PostgreSQL is for several Grafana replicas: they share one store, and one of them reads the queue for all.',
  },
  storeDsn: {
    label: 'PostgreSQL connection URL',
    testId: 'data-testid cbc store dsn',
    placeholder: 'postgres://user:password@host:5432/database',
    description: 'Its user must be allowed to create tables; it is stored encrypted, because it contains a password.',
  },
  catalog: {
    label: 'Catalog rules',
    testId: 'data-testid cbc catalog',
    row: 'data-testid cbc catalog rule',
    rule: (row: number) => `Rule ${row}`,
    columns: { pattern: 'Pattern', category: 'Category', action: 'Action', outcome: 'Outcome', severity: 'Severity', code: 'Code' },
    patternPlaceholder: 'Backup of {name} finished{rest}',
    add: 'Add rule',
    remove: (row: number) => `Remove rule ${row}`,
    paste: {
      label: 'Paste rules',
      testId: 'data-testid cbc catalog paste',
      description: 'One rule per line: pattern, category, action, outcome, severity and code, separated by tabs as a spreadsheet copies them; or a JSON list.',
    },
    addPasted: 'Add pasted rules',
    test: {
      label: 'Test descriptions',
      testId: 'data-testid cbc catalog test',
      description: 'Paste one description per line to see how the rules above and the catalog classify it; nothing is saved.',
    },
    run: 'Test',
    result: 'data-testid cbc catalog result',
    resultColumns: ['Description', 'Category', 'Action', 'Outcome', 'Severity', 'Code', 'Decided by'],
    decidedBy: { rule: 'a rule above', catalog: 'the catalog', nothing: 'no match' },
  },
  http: { label: 'HTTP and TLS', testId: 'data-testid cbc http' },
  timeout: { label: 'Timeout in seconds', testId: 'data-testid cbc timeout', description: 'How long one request may take.' },
  tlsSkipVerify: {
    label: 'Skip TLS verification',
    testId: 'data-testid cbc tls skip verify',
    description: 'Accepts any certificate, so the API secret goes to whoever answers: for tests only.',
  },
  tlsAuthWithCACert: {
    label: 'Custom CA certificate',
    testId: 'data-testid cbc tls own ca',
    description: 'For a proxy with a certificate from your own certificate authority.',
  },
  tlsCACert: { label: 'CA certificate', testId: 'data-testid cbc tls ca cert' },
  tlsAuth: {
    label: 'TLS client certificate',
    testId: 'data-testid cbc tls client auth',
    description: 'For a proxy that requires a client certificate.',
  },
  serverName: { label: 'Server name', testId: 'data-testid cbc tls server name', placeholder: 'proxy.example.com' },
  tlsClientCert: { label: 'Client certificate', testId: 'data-testid cbc tls client cert' },
  tlsClientKey: { label: 'Client key', testId: 'data-testid cbc tls client key' },
  secureSocks: {
    label: 'Secure socks proxy',
    testId: 'data-testid cbc secure socks',
    description: "Connects through Grafana's secure socks proxy, for private data source connect.",
  },
};

/** What is wrong with a setting. */
export const configProblems = {
  url: 'Enter a URL such as https://defense.conferdeploy.net.',
  httpUrl: 'Use https: over http, the API secret crosses the network unencrypted.',
  urlScheme: 'Enter a URL that starts with https://.',
  urlCredentials: 'Remove the user name and password from the URL: viewers can read it.',
  urlQuery: 'Remove everything after ? or #.',
  orgKey: 'An org key is a short word of letters and digits, such as ABCD1234. Find it under Settings > API Access.',
  apiIdWithSecret: 'This looks like SECRET/ID. Enter the part after the slash here and the part before it below.',
  apiIdIsSecret: 'This looks like the secret: an API ID has 10 characters, a secret about 24. Check whether the two are swapped.',
  apiIdSpaces: 'An API ID has no spaces.',
  apiSecretWithId: 'This looks like SECRET/ID. Enter only the part before the slash here.',
  apiSecretIsId: 'This looks like the API ID: it has 10 characters, a secret about 24. Check whether the two are swapped.',
  oauthAppId: 'An app ID has no spaces and no slash.',
  oauthAppSecret: 'An app secret has no spaces.',
  storeDsn: 'Enter a PostgreSQL connection URL such as postgres://user:password@host:5432/database.',
  range: (min: number, max: number) => `Enter a whole number from ${number(min)} to ${number(max)}.`,
  storedRules: 'The stored rules cannot be read, because they are not a list of rules. Rules entered here replace them.',
  patternMissing: 'Enter the description to match.',
  patternLength: (max: number) => `A pattern has at most ${max} bytes.`,
  word: 'Enter a word of a-z, 0-9 and _, with at most 40 characters.',
  oneOf: (words: string[]) => `Enter one of ${words.join(', ')}.`,
  code: 'Enter two words with a dot between them, such as login.failed.',
  pastedLine: (line: number, cells: number, columns: readonly string[]) =>
    `Line ${line} has ${cells} ${cells === 1 ? 'column' : 'columns'} instead of ${columns.join(', ')}; the first three are required. Separate them by tabs.`,
  noAnswer: 'Grafana did not answer. Check the connection and try again.',
};
