import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useState } from 'react';
import { EditorField } from '../components/EditorField';
import { exportStrings } from '../strings/exports';
import type { AuditLogQuery } from '../types';
import type { MillisecondRange } from '../variables/values';
import { messageOf } from './exportList';
import type { ExportFormat, ExportJob, ExportRequest } from './job';
import { rangeText } from './words';

const texts = exportStrings;

const FORMATS: { value: ExportFormat; label: string; description: string }[] = [
  { value: 'csv', ...texts.format.choices.csv },
  { value: 'json', ...texts.format.choices.json },
];

/** What an export contains. */
export interface ExportSource {
  /** Returns the query with its variables filled in, or throws what is wrong with them. */
  query: () => AuditLogQuery;
  /** In milliseconds, without its end; missing before the editor knows its time range. */
  range?: MillisecondRange;
  /** Why this query cannot be exported. */
  obstacle?: string;
  /** What the file may miss. */
  warning?: string;
}

interface Props extends ExportSource {
  start: (request: ExportRequest) => Promise<ExportJob>;
}

export function ExportForm({ query, range, obstacle, warning, start }: Props) {
  const styles = useStyles2(getStyles);
  const [format, setFormat] = useState<ExportFormat>('csv');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const begin = async () => {
    if (!range || busy) {
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      await start({ query: query(), ...range, format });
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  return (
    <div className={styles.form}>
      <p className={styles.text}>
        {texts.scope}
        {range && (
          <>
            {' '}
            {texts.from} <strong data-testid={texts.window}>{rangeText(range.from, range.to)}</strong>
          </>
        )}
        {texts.scopeRest}
      </p>
      <div className={styles.line}>
        <EditorField label={texts.format.label}>
          <div data-testid={texts.format.testId}>
            <RadioButtonGroup aria-label={texts.format.label} options={FORMATS} value={format} onChange={setFormat} />
          </div>
        </EditorField>
        {/* It is not disabled while it waits, because it would lose the focus. */}
        <Button icon={busy ? 'spinner' : 'play'} aria-busy={busy} disabled={!range || Boolean(obstacle)} onClick={() => void begin()}>
          {texts.start}
        </Button>
      </div>
      {warning && (
        <p role="note" className={styles.text}>
          {warning}
        </p>
      )}
      {(problem ?? obstacle) && (
        <p role={problem ? 'alert' : 'note'} className={styles.problem} data-testid={texts.startProblem}>
          {problem ?? obstacle}
        </p>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  form: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
  text: css({ margin: 0, maxWidth: theme.spacing(110) }),
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-end', gap: theme.spacing(1, 2) }),
  problem: css({ margin: 0, color: theme.colors.error.text }),
});
