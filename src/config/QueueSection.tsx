import { css } from '@emotion/css';
import { Alert, Field, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { selectors } from '../selectors';
import type { AuditLogOptions } from '../types';
import { NumberField, SecretField, SwitchField } from './fields';
import { Section } from './Section';
import { readBoolean } from './settings';
import type { Settings } from './useSettings';
import { storeDsnProblem } from './validation';

const texts = selectors.configEditor;

const STORES = [
  { value: 'memory' as const, label: 'Memory' },
  { value: 'postgres' as const, label: 'PostgreSQL' },
];

export function QueueSection({ settings }: { settings: Settings }) {
  const { json, setJson, secret } = settings;
  const dsn = secret('storeDsn');
  const stored = usesQueue(json) || dsn.isConfigured;
  return (
    <Section texts={texts.queue} open={stored}>
      <EmptiesQueue />
      <SwitchField
        texts={texts.queueEnabled}
        description="Adds the queue as a source of queries, beside the search."
        value={json.queueEnabled}
        onChange={(queueEnabled) => setJson({ queueEnabled })}
      />
      {stored && (
        <>
          <NumberField
            texts={texts.queuePollSeconds}
            description="The least time between two reads of the queue. A query that comes sooner gets what was read before."
            value={json.queuePollSeconds}
            byDefault={60}
            min={10}
            max={86_400}
            onChange={(queuePollSeconds) => setJson({ queuePollSeconds })}
          />
          <StoreField store={json.store} onChange={(store) => setJson({ store })} />
          {json.store === 'postgres' && (
            <SecretField
              texts={texts.storeDsn}
              description="With a user who may create tables. It is stored encrypted, since it holds a password."
              required={readBoolean(json.queueEnabled)}
              secret={dsn}
              problem={storeDsnProblem}
            />
          )}
        </>
      )}
    </Section>
  );
}

type Store = AuditLogOptions['store'];

function StoreField({ store, onChange }: { store: Store; onChange: (store: Store) => void }) {
  const styles = useStyles2(getStyles);
  const description = (
    <>
      <span className={styles.line}>Memory is for one Grafana server: it ends with the process and is rebuilt by a search of the last three days.</span>
      <span className={styles.line}>PostgreSQL is for several Grafana replicas: they share one ledger, and one of them reads the queue for all.</span>
    </>
  );
  return (
    <Field label={texts.store.label} description={description}>
      <RadioButtonGroup
        aria-label={texts.store.label}
        data-testid={texts.store.testId}
        options={STORES}
        value={store ?? 'memory'}
        onChange={onChange}
      />
    </Field>
  );
}

function EmptiesQueue() {
  return (
    <Alert severity="warning" title="Reading the queue takes the events away from everyone else">
      An API key has one queue, and Carbon Black Cloud gives each event in it once. When this is on, this data source gets those
      events and no other consumer of the same API key does: a SIEM that reads with it loses them. Give this data source a key of
      its own.
    </Alert>
  );
}

/** The queue is on, or something was set for it beside the switch. */
function usesQueue({ queueEnabled, queuePollSeconds, store }: AuditLogOptions): boolean {
  return readBoolean(queueEnabled) || queuePollSeconds !== undefined || store !== undefined;
}

const getStyles = () => ({ line: css({ display: 'block' }) });
