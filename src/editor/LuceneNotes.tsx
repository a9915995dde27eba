import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { queryStrings } from '../strings/query';
import { applyFixes, findLuceneWarnings } from './luceneWarnings';

const texts = queryStrings.lucene;

interface Props {
  text: string;
  onFix: (fixed: string) => void;
  onMove?: () => void;
}

/** Names each kind of mark in a Lucene query once, with one button per kind of fix, and offers to move what can be a filter. */
export function LuceneNotes({ text, onFix, onMove }: Props) {
  const styles = useStyles2(getStyles);
  const warnings = findLuceneWarnings(text);
  const messages = [...new Set(warnings.map(({ message }) => message))];
  if (messages.length === 0 && !onMove) {
    return null;
  }
  return (
    <div role="status" className={messages.length > 0 ? styles.warnings : styles.notes} data-testid={texts.warnings}>
      <span>{messages.join(' ') || texts.movable}</span>
      {warnings.some(({ replacement }) => replacement !== undefined) && (
        <Button size="sm" variant="secondary" fill="text" onClick={() => onFix(applyFixes(text, warnings))}>
          {texts.fix}
        </Button>
      )}
      {onMove && (
        <Button size="sm" variant="secondary" fill="text" onClick={onMove}>
          {texts.move}
        </Button>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => {
  const line = {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0, 1),
    fontSize: theme.typography.bodySmall.fontSize,
  } as const;
  return {
    warnings: css({ ...line, color: theme.colors.warning.text }),
    notes: css({ ...line, color: theme.colors.text.secondary }),
  };
};
