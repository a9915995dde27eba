import { css } from '@emotion/css';
import { Field, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { configStrings } from '../strings/config';
import type { AuditLogOptions } from '../types';
import { ArchiveEstimate } from './ArchiveEstimate';
import { NumberField, SecretField } from './fields';
import { Section } from './Section';
import { readBoolean, readNumber } from './settings';
import type { Settings } from './useSettings';
import { storeDsnProblem } from './validation';

const texts = configStrings;

const STORES = [
  { value: 'memory' as const, label: texts.store.memory },
  { value: 'postgres' as const, label: texts.store.postgres },
];

/** Where events are kept: those of the queue, and the archive. */
export function StoreSection({ settings: { options, json, setJson, secret } }: { settings: Settings }) {
  const dsn = secret('storeDsn');
  const { store, archiveDays, queueEnabled } = json;
  const archived = (readNumber(archiveDays) ?? 0) > 0;
  const used = store !== undefined || archiveDays !== undefined || dsn.isConfigured || readBoolean(queueEnabled);
  return (
    <Section texts={texts.stores} open={used}>
      <StoreField store={store} onChange={(value) => setJson({ store: value })} />
      {store === 'postgres' && (
        <>
          <SecretField texts={texts.storeDsn} required={archived || readBoolean(queueEnabled)} secret={dsn} problem={storeDsnProblem} />
          <NumberField
            texts={texts.archiveDays}
            value={archiveDays}
            byDefault={0}
            min={0}
            max={3660}
            onChange={(value) => setJson({ archiveDays: value })}
          />
          {archived && <ArchiveEstimate uid={options.uid} days={readNumber(archiveDays) ?? 0} />}
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

const getStyles = () => ({ line: css({ display: 'block' }) });
