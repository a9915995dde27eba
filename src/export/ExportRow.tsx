import { css, keyframes } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, Button, LinkButton, useStyles2 } from '@grafana/ui';
import { useId, useState, type MouseEvent } from 'react';
import { exportStrings } from '../strings/exports';
import { downloadUrl, type FileOptions } from './api';
import { hasFailed, isReady, isRunning, type ExportJob } from './job';
import { ManifestView } from './ManifestView';
import { saveFile } from './saveFile';
import { ageText, factTexts, noteText, progressText, subjectText, timeText } from './words';

const texts = exportStrings;

interface Props {
  uid: string;
  job: ExportJob;
  options: FileOptions;
  now: number;
  /** Reports whether the file can be downloaded. */
  checkDownload: () => Promise<boolean>;
  /** Missing for users who may not. */
  remove?: () => Promise<void>;
}

export function ExportRow({ uid, job, options, now, checkDownload, remove }: Props) {
  const styles = useStyles2(getStyles);
  const [proof, setProof] = useState(false);
  const id = useId();
  const { format, createdAt, error } = job;
  const note = noteText(job);
  const subject = subjectText(job);
  const href = downloadUrl(uid, job.id, options);
  const download = async (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // The browser opens another tab or window, which may show an error.
    }
    event.preventDefault();
    if (await checkDownload()) {
      saveFile(href);
    }
  };
  return (
    <li className={styles.row} data-testid={texts.row}>
      <div className={styles.line}>
        <Badge color="blue" text={format?.toUpperCase() ?? texts.file} />
        <span id={id} className={styles.subject}>
          {subject}
        </span>
        {createdAt > 0 && (
          <time className={styles.quiet} dateTime={new Date(createdAt).toISOString()} title={timeText(createdAt)}>
            {ageText(createdAt, now)}
          </time>
        )}
      </div>
      <div className={styles.quiet}>{factTexts(job).join(' · ')}</div>
      {isRunning(job) && <Progress job={job} labelledBy={id} />}
      {hasFailed(job) && (
        <p role="alert" className={styles.problem}>
          {error ?? (job.status === 'EXPIRED' ? texts.expired : texts.failed)}
        </p>
      )}
      {note && <p className={styles.note}>{note}</p>}
      <div className={styles.line}>
        {isReady(job) && (
          <>
            {/* Grafana leaves a link with a target to the browser. */}
            <LinkButton
              size="sm"
              icon="download-alt"
              href={href}
              target="_self"
              download=""
              onClick={(event) => void download(event)}
              aria-label={`${texts.download(format)}: ${subject}`}
            >
              {texts.download(format)}
            </LinkButton>
            <Button
              size="sm"
              variant="secondary"
              icon="shield"
              aria-expanded={proof}
              aria-label={`${texts.manifest}: ${subject}`}
              onClick={() => setProof(!proof)}
            >
              {texts.manifest}
            </Button>
          </>
        )}
        {remove && (
          <Button
            size="sm"
            variant="secondary"
            fill="text"
            tooltip={job.kind === 'search' ? undefined : texts.removeHint}
            aria-label={`${removeText(job)}: ${subject}`}
            onClick={() => void remove()}
          >
            {removeText(job)}
          </Button>
        )}
      </div>
      {proof && <ManifestView key={JSON.stringify(options)} uid={uid} id={job.id} options={options} />}
    </li>
  );
}

function removeText(job: ExportJob): string {
  return isRunning(job) ? texts.cancel : texts.remove;
}

function Progress({ job, labelledBy }: { job: ExportJob; labelledBy: string }) {
  const styles = useStyles2(getStyles);
  const { completed, total } = job;
  const known = completed !== undefined && total ? { value: Math.min(completed, total), max: total } : {};
  return (
    <div className={styles.line}>
      <progress className={styles.progress} aria-labelledby={labelledBy} {...known} />
      <span className={styles.quiet}>{progressText(job)}</span>
    </div>
  );
}

const slide = keyframes({ from: { backgroundPosition: '200% 0' }, to: { backgroundPosition: '0 0' } });

const getStyles = (theme: GrafanaTheme2) => ({
  row: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.5),
    padding: theme.spacing(1, 0),
    borderTop: `1px solid ${theme.colors.border.weak}`,
  }),
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  subject: css({ minWidth: 0, overflowWrap: 'anywhere' }),
  quiet: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  note: css({ margin: 0, fontSize: theme.typography.bodySmall.fontSize }),
  problem: css({ margin: 0, color: theme.colors.error.text }),
  // The browsers' own bar is too bright on a dark page.
  progress: css({
    flex: '1 1 120px',
    maxWidth: 320,
    height: theme.spacing(0.75),
    appearance: 'none',
    border: 0,
    borderRadius: theme.shape.radius.pill,
    overflow: 'hidden',
    background: theme.colors.border.medium,
    '&::-webkit-progress-bar': { background: 'transparent' },
    '&::-webkit-progress-value': { background: theme.colors.primary.main },
    '&::-moz-progress-bar': { background: theme.colors.primary.main },
    '&:indeterminate::-moz-progress-bar': { background: 'transparent' },
    '&:indeterminate': {
      background: `linear-gradient(90deg, transparent 25%, ${theme.colors.primary.main} 50%, transparent 75%) 0 0 / 200% ${theme.colors.border.medium}`,
      '@media (prefers-reduced-motion: no-preference)': { animation: `${slide} 2s linear infinite` },
    },
  }),
});
