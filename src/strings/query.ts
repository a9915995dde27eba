// The text of the query editor, with its test ids: for the components, the unit tests and the browser tests. The files in
// this folder import nothing, so that anything may import them, and hold every string that the UI shows.

const number = (value: number) => value.toLocaleString('en-US');

export const queryStrings = {
  container: 'data-testid cbc query editor',
  queryType: {
    label: 'Show',
    testId: 'data-testid cbc query type',
    choices: {
      events: { label: 'Events', description: 'The newest or oldest events, as log lines or as a table' },
      count: { label: 'Count', description: 'One number for the whole time range, or one per group' },
      series: { label: 'Over time', description: 'Counts per time bucket, one line per group, 0 where nothing happened' },
      top: { label: 'Top list', description: 'The groups with the most events, with their first and last occurrence' },
      firstSeen: { label: 'First seen', description: 'Groups that did not occur before the time range, such as a new address of an actor' },
      status: { label: 'Plugin status', description: 'Numbers about the plugin itself: requests, cache and queue' },
      callers: { label: 'Requests by caller', description: 'The requests that each panel and alert rule has used' },
    },
  },
  source: {
    label: 'Source',
    testId: 'data-testid cbc query source',
    choices: {
      search: { label: 'Search', description: 'Asks Carbon Black Cloud for the time range' },
      queue: { label: 'Queue', description: 'Reads what the queue of this API key has delivered, narrowed by filters only' },
    },
  },
  lucene: {
    label: 'Lucene query',
    testId: 'data-testid cbc lucene query',
    hint: 'Sent to Carbon Black Cloud unchanged; empty finds every event, Shift+Enter runs the query.',
    placeholder: 'description:(login OR "logged in") AND NOT actor:"VMware employee"',
    run: 'Run query',
    chip: 'data-testid cbc lucene chip',
    chipText: (text: string) => `Lucene: ${text}`,
    edit: (text: string) => `Edit Lucene query: ${text}`,
    remove: 'Remove Lucene query',
    warnings: 'data-testid cbc lucene warnings',
    fix: 'Fix and run',
    move: 'Move to filters',
    movable: 'A part of this query can be a filter, which means the same.',
    derivedField: (field: string) => `Carbon Black Cloud cannot search ${field}, which this plugin derives. Use a filter.`,
    quickFix: (replacement: string) => `Replace with ${replacement}`,
    curlyQuote: (quote: string) => `${quote} does not begin or end a phrase.`,
    lowerCaseOperator: (word: string) => `"${word}" is a word to search for, not an operator.`,
    variable: 'Dashboard variable',
    fields: {
      description: 'What happened, in words',
      actor: 'Email address, API ID or device name',
      actor_ip: 'Source address',
      request_url: 'Path of the API call',
      flagged: 'true for events flagged by Carbon Black Cloud',
      verbose: 'true for detail entries',
      create_time: 'When it happened, for ranges',
    } as Record<string, string>,
    operators: { AND: 'Both sides match', OR: 'Either side matches', NOT: 'The next part does not match' } as Record<string, string>,
  },
  mode: {
    label: 'Edit with',
    testId: 'data-testid cbc editor mode',
    choices: {
      builder: { label: 'Builder', description: 'Filters, and the Lucene query in one line' },
      code: { label: 'Code', description: 'The Lucene query with completion, and the filters' },
    },
  },
  presets: { label: 'Presets', testId: 'data-testid cbc presets' },
  options: {
    label: 'Options',
    testId: 'data-testid cbc options',
    limit: (limit: number) => `Limit ${number(limit)}`,
    folded: 'Policy edits folded',
    separator: ' · ',
  },
  sentence: {
    testId: 'data-testid cbc query sentence',
    costly: (calls: number, budget: number) =>
      `This takes about ${number(calls)} of the ${number(budget)} requests that this data source has for five minutes.`,
  },
  filters: {
    label: 'Filters',
    testId: 'data-testid cbc filters',
    hint: 'Values in one row are alternatives, and every row must match; variables such as $actor are allowed.',
    row: 'data-testid cbc filter row',
    add: 'Add filter',
    field: (row: number) => `Field of filter ${row}`,
    operator: (row: number) => `Operator of filter ${row}`,
    values: (row: number) => `Values of filter ${row}`,
    flag: (row: number) => `Value of filter ${row}`,
    remove: (row: number) => `Remove filter ${row}`,
    chip: 'data-testid cbc filter chip',
    open: (row: number) => `Filter ${row}`,
    edit: (row: number, text: string) => `Edit filter ${row}: ${text}`,
    close: (row: number) => `Done with filter ${row}`,
    valuesPlaceholder: 'Any value',
    emptyValue: '(none)',
    chipIs: (label: string, values: string) => `${label}: ${values}`,
    chipIsNot: (label: string, values: string) => `${label} is not ${values}`,
    flagChip: (label: string, wanted: boolean) => `${label}: ${wanted ? 'yes' : 'no'}`,
    or: ' or ',
    moreValues: (count: number) => `${count} more`,
    isOneOf: 'is one of',
    isNotOneOf: 'is not one of',
    yes: 'Yes',
    no: 'No',
  },
  groupBy: {
    label: 'Group by',
    testId: 'data-testid cbc group by',
    hint: 'One result for each combination of these fields.',
    placeholder: 'No grouping',
  },
  limit: {
    label: 'Limit',
    testId: 'data-testid cbc limit',
    eventsHint: 'The maximum number of events to show.',
    groupsHint: 'The maximum number of groups to show, largest first.',
    reduced: (max: number) => `Reduced to ${number(max)}, the maximum events per query of this data source.`,
  },
  sort: {
    label: 'Order',
    testId: 'data-testid cbc sort',
    choices: {
      desc: { label: 'Newest first', description: 'Starts at the end of the time range' },
      asc: { label: 'Oldest first', description: 'Starts at the beginning of the time range' },
    },
  },
  format: {
    label: 'Format',
    testId: 'data-testid cbc format',
    choices: {
      logs: { label: 'Logs', description: 'Log lines, for Explore and the logs panel' },
      table: { label: 'Table', description: 'One column per field' },
    },
  },
  line: {
    label: 'Line',
    testId: 'data-testid cbc line',
    choices: {
      full: { label: 'Who and what', description: 'The account and the address, then the description' },
      description: { label: 'Description', description: 'The description as Carbon Black Cloud wrote it' },
    },
  },
  baseline: {
    label: 'Not seen in the last',
    testId: 'data-testid cbc baseline',
    hint: 'How long before the time range a group must not have occurred.',
  },
  after: {
    container: 'data-testid cbc after',
    group: 'Required earlier events',
    add: 'Only after earlier events…',
    remove: 'Remove the condition on earlier events',
    atLeast: {
      label: 'After at least',
      testId: 'data-testid cbc after at least',
      hint: 'How many earlier events of the same group, in the time range, must come before an event.',
    },
    outcome: 'earlier events with the outcome',
    action: 'and the action',
  },
  fold: {
    label: 'Fold policy edits',
    testId: 'data-testid cbc fold',
    hint: 'Carbon Black Cloud writes several rows for one edit of a policy; folded, they count as one event.',
  },
  fields: {
    account: { label: 'Account', hint: 'The actor, with email addresses in lower case', placeholder: 'jane@example.com' },
    address: { label: 'Address', hint: 'The source address without port; filters take ranges such as 203.0.113.0/24', placeholder: '203.0.113.0/24' },
    severity: { label: 'Severity', hint: 'How serious it is, derived from the description' },
    code: { label: 'Code', hint: 'The kind of event in the catalog, such as login.failed', placeholder: 'login.failed' },
    target: { label: 'Target', hint: 'What was changed, derived from the description', placeholder: 'ABCD123456' },
    target_type: { label: 'Target type', hint: 'The type of the target, such as a policy or a user', placeholder: 'policy' },
    actor: { label: 'Actor', hint: 'Who did it, as received: an email address, an API ID or a device name', placeholder: 'jane@example.com' },
    actor_ip: { label: 'Actor IP', hint: 'The source address, as received', placeholder: '203.0.113.7:443' },
    description: { label: 'Description', hint: 'Consecutive words of the description; case does not matter', placeholder: 'logged in' },
    category: { label: 'Category', hint: 'What the event is about, derived from the description' },
    action: { label: 'Action', hint: 'What was done, derived from the description' },
    outcome: { label: 'Outcome', hint: 'How it ended, derived from the description' },
    request_url: { label: 'Request URL', hint: 'The path of the API call', placeholder: '/access/v2/orgs' },
    flagged: { label: 'Flagged', hint: 'Flagged by Carbon Black Cloud, mostly failed actions' },
    verbose: { label: 'Verbose', hint: 'Detail entries that the console hides by default' },
  },
  alertHint: 'data-testid cbc alert hint',
  alertHints: {
    count: 'Count fits most rules: one number per group, 0 when nothing happened. Put a threshold directly on it.',
    series: 'Over time fits rules about rates: reduce it with Max or Sum, then put a threshold on the result.',
    firstSeen: 'First seen fits rules about something new: fire when its value is above 0.',
    events: 'Events have no number for a threshold; a rule counts them by group instead. Choose Count.',
    top: 'A top list ends at its limit. Choose Count for a rule.',
  },
  alertHelp: {
    label: 'Alert help',
    container: 'data-testid cbc alert help',
    make: 'New alert rule with this query',
    use: 'Count by account and address',
    used: 'This query counts by account and address.',
    queryTypes: [
      ['More than a number', 'Show: Count. Put a threshold directly on it; it is 0 when nothing happened.'],
      ['A rate', 'Show: Over time, then a Reduce expression (Max or Sum), then a threshold.'],
      ['Something new', 'Show: First seen, and fire when its value is above 0.'],
      ['A list of events', 'Has no number to compare. A rule counts events by group instead.'],
      ['Group by', 'What the notification should name: each combination alerts on its own, with its values as labels.'],
    ] as [string, string][],
    inRule: (settleSeconds: number): [string, string][] => [
      ['Time range', 'At least as long as the evaluation interval, so that no event falls between two evaluations.'],
      [
        'Late events',
        `An event can arrive up to ${settleSeconds} s after its time (the settle time of this data source). A rule looks back by ` +
          'that much more, so an event may count in two evaluations.',
      ],
      ['No data', 'Choose Normal: what did not happen is 0 here.'],
      ['Error', 'Choose Keep last state, and let one rule about the data source itself alert on errors.'],
    ],
    toRule: [['Next step', 'Save the panel and choose More > New alert rule in its menu, or create a rule with this query under Alerting.']] as [
      string,
      string,
    ][],
    toForm: [['Next step', 'Make a rule with this query. It opens with a threshold above 0; choose how often it is evaluated and who is notified.']] as [
      string,
      string,
    ][],
  },
  variables: {
    testId: 'data-testid cbc query variables',
    title: 'The dashboard variables in this query were not filled in',
    ignore: 'Run it unchanged',
  },
  tools: 'Query tools',
  problems: 'data-testid cbc query problems',
  removeUnknownKeys: 'Remove unknown keys',
};

/** The suggested values of a filter. */
export const valueStrings = {
  events: (count: number, complete: boolean) => `${complete ? '' : 'at least '}${number(count)} ${count === 1 ? 'event' : 'events'}`,
  network: 'Every address of this network',
  failed: (reason: string) => `No suggestions: ${reason}`,
  differentCase: (wanted: string) => `"${wanted}" does not occur in this time range.`,
  didYouMean: (found: string) => `Did you mean ${found}?`,
};

/** What is wrong with a query. */
export const queryProblems = {
  unknownChoice: (value: unknown, choices: readonly string[]) => `"${value}" is not supported. Choose one of ${choices.join(', ')}.`,
  queueDisabled: 'The queue is disabled in the settings of this data source.',
  luceneOnQueue: 'The queue does not support Lucene. Remove the Lucene query and use filters, or choose Search.',
  groupByMissing: 'First seen needs groups: group by at least one field, such as account.',
  baseline: 'Enter a duration such as 12h, 30d or 4w, up to 90d.',
  fold: 'fold is either true or false.',
  line: 'line is either description or left out.',
  unknownKeys: (keys: string[]) => `This query has unknown keys: ${keys.join(', ')}.`,
  count: (max: number) => `Enter a whole number from 1 to ${number(max)}.`,
  keepsValue: (value: string) => ` The query keeps ${value} until then.`,
  afterShape: 'after must be an object such as {"criteria":{"outcome":["failure"]},"atLeast":5}.',
  afterGroups: 'Earlier events are matched per group: show a count, a top list or counts over time, and group by at least one field.',
  afterKeys: (keys: string[]) => `after has unknown keys: ${keys.join(', ')}.`,
  afterEmpty: 'Choose what the earlier events are, such as the outcome failure.',
  afterServerFields: (fields: string[]) => `Earlier events cannot be matched by ${fields.join(', ')}, which only Carbon Black Cloud can evaluate.`,
  afterGrouped: (fields: string[]) => `Earlier events cannot differ in ${fields.join(', ')}, by which the query groups.`,
  unknownGroups: (unknown: string[], fields: string[]) => `Cannot group by ${unknown.join(', ')}. Choose from ${fields.join(', ')}.`,
  unknownField: (field: string, fields: string[]) => `"${field}" is not a field. Choose from ${fields.join(', ')}.`,
  flagValue: (field: string) => `${field} is either yes or no.`,
  network: (value: string) => `${value} is not a network. Write one such as 203.0.113.0/24.`,
  listValue: (field: string) => `${field} needs a list of values.`,
  tooManyCombinations: (text: string, found: number, max: number) =>
    `The variables in "${text}" stand for ${number(found)} combinations of their values; the maximum is ${number(max)}. ` +
    'Select fewer values, or give each variable a filter of its own.',
  listedAll: (names: string) =>
    `Events may be missing: All in ${names} stands only for the values that the variable lists. ` +
    'Use the variable in a filter, or give it a custom value for All.',
  valuesFailed: 'The values could not be read. Check the connection to Grafana and try again.',
  liveNeedsEvents: 'Only events can be followed live. Choose Events, or stop the live view.',
};

/** The editor of a dashboard variable. */
export const variableStrings = {
  container: 'data-testid cbc variable editor',
  field: { label: 'Values of', testId: 'data-testid cbc variable field', hint: 'The values of this field, most frequent first, at most 1,000.' },
  prefix: {
    label: 'Starting with',
    testId: 'data-testid cbc variable prefix',
    hint: 'Only values that start with this text; case does not matter.',
    placeholder: 'Any',
  },
};

/** The parts of the sentence that describes a query, for example "Number of events by account where outcome is failure". */
export const sentenceStrings = {
  newest: (limit: number) => `Newest ${number(limit)} events`,
  oldest: (limit: number) => `Oldest ${number(limit)} events`,
  count: (groups: string) => `Number of events${groups && ` by ${groups}`}`,
  series: (groups: string) => `Events over time${groups && ` by ${groups}`}`,
  top: (limit: number, groups: string) => `The ${number(limit)} with the most events by ${groups}`,
  firstSeen: (groups: string, baseline: string) => `First seen by ${groups || 'nothing'} (not in the ${baseline} before)`,
  plugin: { status: 'Plugin status', callers: 'Requests by caller' },
  unknown: (queryType: string) => `Unknown query type "${queryType}"`,
  where: (conditions: string) => `where ${conditions}`,
  after: (atLeast: number, conditions: string) =>
    `after at least ${atLeast} earlier ${atLeast === 1 ? 'one' : 'ones'} of the same group${conditions && ` where ${conditions}`}`,
  folded: 'with policy edits folded',
  fromQueue: 'from the queue',
  atMost: (limit: number) => `, at most ${number(limit)} groups`,
  none: '(none)',
};

/** Why an ad hoc filter of a dashboard cannot be applied. */
export const adhocStrings = {
  unknownField: (field: string, fields: string[]) => `Cannot filter by "${field}". Choose from ${fields.join(', ')}.`,
  operator: (field: string, operator: string) => `Cannot filter ${field} with ${operator}. Choose =, !=, or one of several values.`,
  flag: (field: string) => `${field} is either true or false.`,
};

/** The choice above the context of a log line. */
export const contextStrings = {
  label: 'Events of',
  scopes: { everyone: 'Everyone', account: 'Same account', address: 'Same address' },
};

/** The groups of labels in the details of a log line. */
export const labelGroupStrings = { who: 'Who', what: 'What', where: 'Where', history: 'History', raw: 'Raw' };

/** A query of another data source that was taken over. */
export const importStrings = {
  title: 'A part of the query was not taken over',
  dropped: (matchers: string[]) => `Filters cannot express ${matchers.join(', ')}.`,
};
