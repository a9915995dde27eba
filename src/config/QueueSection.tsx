import { css } from '@emotion/css';
import { Alert, ConfirmModal, Field, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useState } from 'react';
import { configStrings } from '../strings/config';
import type { AuditLogOptions } from '../types';
import { NumberField, SecretField, SwitchField } from './fields';
import { Section } from './Section';
import { readBoolean } from './settings';
import type { Settings } from './useSettings';
import { storeDsnProblem } from './validation';

const texts = configStrings;

const STORES = [
  { value: 'memory' as const, label: texts.store.memory },
  { value: 'postgres' as const, label: texts.store.postgres },
];

export function QueueSection({ settings }: { settings: Settings }) {
  const { json, setJson, secret } = settings;
  const dsn = secret('storeDsn');
  const stored = usesQueue(json) || dsn.isConfigured;
  return (
    <Section texts={texts.queue} open={stored}>
      <QueueWarning />
      <QueueSwitch enabled={json.queueEnabled} onChange={(queueEnabled) => setJson({ queueEnabled })} />
      {stored && (
        <>
          <NumberField
            texts={texts.queuePollSeconds}
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

interface QueueSwitchProps {
  enabled: AuditLogOptions['queueEnabled'];
  onChange: (enabled: boolean) => void;
}

/** Switches the queue on after a confirmation, because reading destroys. */
function QueueSwitch({ enabled, onChange }: QueueSwitchProps) {
  const [asks, setAsks] = useState(false);
  const { title, body, confirm } = texts.queueConfirm;
  const accept = () => {
    setAsks(false);
    onChange(true);
  };
  return (
    <>
      <SwitchField texts={texts.queueEnabled} value={enabled} onChange={(wanted) => (wanted ? setAsks(true) : onChange(false))} />
      <ConfirmModal isOpen={asks} title={title} body={body} confirmText={confirm} onConfirm={accept} onDismiss={() => setAsks(false)} />
    </>
  );
}

type Store = AuditLogOptions['store'];

function StoreField({ store, onChange }: { store: Store; onChange: (store: Store) => void }) {
  const styles = useStyles2(getStyles);
  const description = (
    <>
      <span className={styles.line}>{texts.store.memoryHint}</span>
      <span className={styles.line}>{texts.store.postgresHint}</span>
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

function QueueWarning() {
  return (
    <Alert severity="warning" title={texts.queueWarning.title}>
      {texts.queueWarning.text}
    </Alert>
  );
}

/** Reports whether the queue is on, or has settings of its own. */
function usesQueue({ queueEnabled, queuePollSeconds, store }: AuditLogOptions): boolean {
  return readBoolean(queueEnabled) || queuePollSeconds !== undefined || store !== undefined;
}

const getStyles = () => ({ line: css({ display: 'block' }) });
