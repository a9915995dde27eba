import { css } from '@emotion/css';
import type { GrafanaTheme2, QueryEditorHelpProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { SCHEMA_VERSION } from '../query/defaults';
import { displayText } from '../query/displayText';
import { selectors } from '../selectors';
import type { AuditLogQuery } from '../types';
import { PRESETS } from './presets';

const SYNTAX: [example: string, meaning: string][] = [
  ['description:login', 'the word login in the description; case does not matter'],
  ['description:"logged in"', 'these words, next to each other'],
  ['description:(login OR "logged in")', 'one or the other'],
  ['actor:jane* AND NOT flagged:true', 'actors that start with jane, without flagged events'],
  ['actor_ip:10.0.0.?', '? stands for one character, * for any number'],
  ['request_url:\\/access\\/v2*', 'special characters + - & | ! ( ) { } [ ] ^ " ~ * ? : \\ / need a backslash'],
  ['actor:$actor', 'a dashboard variable; its values are escaped, several become ("a" OR "b")'],
];

/** The cheat sheet in Explore: examples to start from, and the query language in seven lines. */
export function QueryHelp({ onClickExample }: QueryEditorHelpProps<AuditLogQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div data-testid={selectors.queryHelp.container}>
      <h3>Start from an example</h3>
      <div className={styles.presets}>
        {PRESETS.map(({ title, description, query }) => {
          const example = { ...query, schemaVersion: SCHEMA_VERSION, refId: 'A' };
          return (
            <button
              key={title}
              type="button"
              className={styles.preset}
              aria-label={selectors.queryHelp.preset(title)}
              onClick={() => onClickExample(example)}
            >
              <strong>{title}</strong>
              <span>{description}</span>
              <code className={styles.code}>{displayText(example)}</code>
            </button>
          );
        })}
      </div>
      <h3>The query language</h3>
      <p>
        Lucene text goes to Carbon Black Cloud as it is. Words without an operator between them must all match. Filters are added
        to the text with AND, and take values as they are, without escaping.
      </p>
      <table className={styles.syntax}>
        <tbody>
          {SYNTAX.map(([example, meaning]) => (
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
