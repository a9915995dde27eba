import { css } from '@emotion/css';
import type { GrafanaTheme2, QueryEditorHelpProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { SCHEMA_VERSION } from '../query/defaults';
import { displayText } from '../query/displayText';
import { helpStrings } from '../strings/help';
import type { AuditLogQuery } from '../types';
import { PRESETS } from './presets';

/** The help in Explore: examples to start from, and the query language in seven lines. */
export function QueryHelp({ onClickExample }: QueryEditorHelpProps<AuditLogQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div data-testid={helpStrings.container}>
      <h3>{helpStrings.presets}</h3>
      <div className={styles.presets}>
        {PRESETS.map(({ title, description, query }) => {
          const example = { ...query, schemaVersion: SCHEMA_VERSION, refId: 'A' };
          return (
            <button
              key={title}
              type="button"
              className={styles.preset}
              aria-label={helpStrings.preset(title)}
              onClick={() => onClickExample(example)}
            >
              <strong>{title}</strong>
              <span>{description}</span>
              <code className={styles.code}>{displayText(example)}</code>
            </button>
          );
        })}
      </div>
      <h3>{helpStrings.language}</h3>
      <p>{helpStrings.languageIntroduction}</p>
      <table className={styles.syntax}>
        <tbody>
          {helpStrings.syntax.map(([example, meaning]) => (
            <tr key={example}>
              <td>
                <code>{example}</code>
              </td>
              <td>{meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  presets: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 320px), 1fr))',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(3),
  }),
  preset: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.5),
    padding: theme.spacing(1.5),
    textAlign: 'left',
    color: theme.colors.text.primary,
    background: theme.colors.background.secondary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    '&:hover': { background: theme.colors.emphasize(theme.colors.background.secondary, 0.03) },
  }),
  code: css({ whiteSpace: 'normal', overflowWrap: 'anywhere', alignSelf: 'flex-start' }),
  syntax: css({ 'td': { padding: theme.spacing(0.5, 2, 0.5, 0), verticalAlign: 'top' } }),
});
