import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, ClipboardButton, LinkButton, Spinner, useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { exportStrings } from '../strings/exports';
import { exportApi, manifestUrl, type FileOptions } from './api';
import { messageOf } from './exportList';
import { verdict, type Manifest } from './manifest';
import { bytesText, sentence } from './words';

const texts = exportStrings;

interface Props {
  uid: string;
  id: string;
  options: FileOptions;
}

/** Shows what proves that a file is complete and unchanged. */
export function ManifestView({ uid, id, options }: Props) {
  const styles = useStyles2(getStyles);
  const [answer, setAnswer] = useState<{ manifest?: Manifest; problem?: string }>({});
  const { safe, excel } = options;
  useEffect(() => {
    let mounted = true;
    const show = (next: typeof answer) => mounted && setAnswer(next);
    exportApi(uid)
      .manifest(id, { safe, excel })
      .then((manifest) => show({ manifest }))
      .catch((error: unknown) => show({ problem: messageOf(error) }));
    return () => {
      mounted = false;
    };
  }, [uid, id, safe, excel]);

  const { manifest, problem } = answer;
  if (problem) {
    return <Alert severity="error" title={problem} />;
  }
  if (!manifest) {
    return (
      <div className={styles.waiting} role="status">
        <Spinner inline /> {texts.manifestLoading}
      </div>
    );
  }
  const { sha256, rows, bytes, complete, note, job } = manifest;
  const size = [rows !== undefined && texts.rows(rows), bytes !== undefined && bytesText(bytes)].filter(Boolean).join(', ');
  return (
    <div className={styles.box} data-testid={texts.manifestBox}>
      <dl className={styles.facts}>
        <dt>{texts.manifestFields.complete}</dt>
        <dd>
          <strong className={complete ? styles.good : styles.bad}>{verdict(manifest)}</strong>
          {note && <div className={styles.note}>{sentence(note)}</div>}
        </dd>
        {size && (
          <>
            <dt>{texts.manifestFields.size}</dt>
            <dd>{size}</dd>
          </>
        )}
        {job && (
          <>
            <dt>{texts.manifestFields.job}</dt>
            <dd>{job}</dd>
          </>
        )}
        {sha256 && (
          <>
            <dt>{texts.manifestFields.hash}</dt>
            <dd>
              <code className={styles.hash}>{sha256}</code>{' '}
              <ClipboardButton size="sm" variant="secondary" fill="text" icon="copy" getText={() => sha256} aria-label={texts.copyHash}>
                {texts.copy}
              </ClipboardButton>
            </dd>
          </>
        )}
      </dl>
      <LinkButton
        size="sm"
        variant="secondary"
        fill="text"
        icon="download-alt"
        href={manifestUrl(uid, id, options)}
        target="_self"
        download="manifest.json"
      >
        {texts.saveManifest}
      </LinkButton>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  waiting: css({ color: theme.colors.text.secondary }),
  box: css({ padding: theme.spacing(1), background: theme.colors.background.secondary, borderRadius: theme.shape.radius.default, minWidth: 0 }),
  facts: css({
    display: 'grid',
    gridTemplateColumns: 'max-content minmax(0, 1fr)',
    gap: theme.spacing(0.5, 2),
    margin: 0,
    '& dt': { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular },
    '& dd': { margin: 0 },
  }),
  hash: css({ overflowWrap: 'anywhere', whiteSpace: 'normal' }),
  note: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  good: css({ color: theme.colors.success.text }),
  bad: css({ color: theme.colors.warning.text }),
});
