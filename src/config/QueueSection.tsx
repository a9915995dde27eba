import { Alert, Field, RadioButtonGroup } from '@grafana/ui';
import { AVAILABLE } from '../query/available';
import { selectors } from '../selectors';
import type { AuditLogOptions } from '../types';
import { NumberField, SwitchField } from './fields';
import { Section } from './Section';
import { readBoolean } from './settings';
import type { Settings } from './useSettings';

const texts = selectors.configEditor;

const STORES = [
  { value: 'memory' as const, label: 'Memory', description: 'For one Grafana server' },
  { value: 'postgres' as const, label: 'PostgreSQL', description: 'For several Grafana servers that share one queue' },
];

export function QueueSection({ settings: { json, setJson } }: { settings: Settings }) {
  const stored = usesQueue(json);
  if (!AVAILABLE.queue && !stored) {
    return null;
  }
  return (
    <Section texts={texts.queue} open={stored}>
      {AVAILABLE.queue ? <EmptiesQueue /> : <NotAvailable />}
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
            description="How often the queue is read, at least every 10 seconds apart."
            value={json.queuePollSeconds}
            byDefault={60}
            min={10}
            max={86_400}
            onChange={(queuePollSeconds) => setJson({ queuePollSeconds })}
          />
          <Field label={texts.store.label} description="Where events from the queue are kept.">
            <RadioButtonGroup
              aria-label={texts.store.label}
              data-testid={texts.store.testId}
              options={STORES}
              value={json.store ?? 'memory'}
              onChange={(store) => setJson({ store })}
            />
          </Field>
        </>
      )}
    </Section>
  );
}

function EmptiesQueue() {
  return (
    <Alert severity="warning" title="Reading the queue empties it">
      Each API key has one queue, and each event is in it once. When this is on, Grafana reads the queue of the key above and nobody else
      gets those events: a SIEM that uses the same key loses them. Use a key that nothing else uses.
    </Alert>
  );
}

function NotAvailable() {
  return (
    <Alert severity="info" title="The queue is not available in this version">
      The settings below are kept, and have no effect: nothing reads the queue of the key above.
    </Alert>
  );
}

/** The queue is on, or something was set for it beside the switch. */
function usesQueue({ queueEnabled, queuePollSeconds, store }: AuditLogOptions): boolean {
  return readBoolean(queueEnabled) || queuePollSeconds !== undefined || store !== undefined;
}
