import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Checkbox, IconButton, InlineSwitch, useStyles2 } from '@grafana/ui';
import { useState } from 'react';
import { exportStrings } from '../strings/exports';
import { ExportForm, type ExportSource } from './ExportForm';
import { ExportRow } from './ExportRow';
import { isReady, isRunning, type ExportJob } from './job';
import { exportListOf, useExportList } from './useExportList';

const texts = exportStrings;

/** A JSON file has no cells, and its encoding is known. */
const JSON_OPTIONS = { safe: false, excel: false };

interface Props extends ExportSource {
  uid: string;
  /** Editors and admins start and remove exports; everybody downloads. The backend decides; this only hides what it refuses. */
  mayChange: boolean;
}

/** Starts exports of a query and shows the recent ones of its data source. */
export function ExportPanel({ uid, mayChange, ...source }: Props) {
  const styles = useStyles2(getStyles);
  const list = exportListOf(uid);
  const { jobs, loading, problem, now } = useExportList(list);
  const [safe, setSafe] = useState(true);
  const [excel, setExcel] = useState(false);
  const hasTable = jobs.some(({ format }) => format !== 'json');
  return (
    <div className={styles.panel} data-testid={texts.panel}>
      {mayChange ? <ExportForm {...source} start={(request) => list.start(request)} /> : <p className={styles.plain}>{texts.viewers}</p>}
      <div className={styles.head}>
        <span className={styles.title}>{texts.recent}</span>
        <span role="status" className={styles.quiet}>
          {loading && jobs.length === 0 ? texts.loading : summary(jobs)}
        </span>
        <IconButton name="sync" tooltip={texts.refresh} disabled={loading} onClick={() => void list.refresh()} />
        {hasTable && (
          <InlineSwitch
            label={texts.safe}
            showLabel
            transparent
            value={safe}
            data-testid={texts.safeSwitch}
            onChange={(event) => setSafe(event.currentTarget.checked)}
          />
        )}
        {hasTable && <Checkbox label={texts.excel} value={excel} onChange={(event) => setExcel(event.currentTarget.checked)} />}
      </div>
      {hasTable && <p className={styles.hint}>{[safe ? texts.safeHint : texts.unsafeHint, excel && texts.excelHint].filter(Boolean).join(' ')}</p>}
      {problem && (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
      {jobs.length > 0 && (
        <ul className={styles.list} aria-label={texts.recent}>
          {jobs.map((job) => (
            <ExportRow
              key={job.id}
              uid={uid}
              job={job}
              options={job.format === 'json' ? JSON_OPTIONS : { safe, excel }}
              now={now}
              checkDownload={() => list.checkDownload(job.id)}
              remove={mayChange ? () => list.remove(job.id) : undefined}
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function summary(jobs: ExportJob[]): string {
  if (jobs.length === 0) {
    return texts.none;
  }
  const [running, ready] = [jobs.filter(isRunning).length, jobs.filter(isReady).length];
  return [running > 0 && texts.running(running), ready > 0 && texts.ready(ready)].filter(Boolean).join(', ');
}

const getStyles = (theme: GrafanaTheme2) => ({
  panel: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1), minWidth: 0 }),
  plain: css({ margin: 0 }),
  head: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  title: css({ margin: 0 }),
  quiet: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  hint: css({ margin: 0, color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  problem: css({ margin: 0, color: theme.colors.error.text }),
  list: css({ listStyle: 'none', margin: 0, padding: 0 }),
});
