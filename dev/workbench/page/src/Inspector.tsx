import { css } from '@emotion/css';
import { type DataFrame, formattedValueToString, getValueFormat, type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

/** Shows the requests that were sent and their cost, as the answer reports them. */
export function Inspector({ frames }: { frames: DataFrame[] }) {
  const styles = useStyles2(getStyles);
  const sent = [...new Set(frames.map((frame) => frame.meta?.executedQueryString).filter(Boolean))];
  const stats = frames.flatMap((frame) => frame.meta?.stats ?? []);
  return (
    <div className={styles.box} data-testid="workbench inspector">
      {sent.map((text) => (
        <pre key={text}>{text}</pre>
      ))}
      <table>
        <tbody>
          {stats.map((stat, index) => (
            <tr key={index}>
              <th scope="row">{stat.displayName}</th>
              <td>{formattedValueToString(getValueFormat(stat.unit)(stat.value))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({ marginTop: theme.spacing(1), '& th': { textAlign: 'left', fontWeight: 'normal', paddingRight: theme.spacing(3) } }),
});
