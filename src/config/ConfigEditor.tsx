import { css } from '@emotion/css';
import type { DataSourcePluginOptionsEditorProps, GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { configStrings } from '../strings/config';
import type { AuditLogOptions, AuditLogSecrets } from '../types';
import { CatalogSection } from './CatalogSection';
import { ConnectionSection } from './ConnectionSection';
import { DataLinksSection } from './DataLinksSection';
import { HealthSteps } from './HealthSteps';
import { HttpSection } from './HttpSection';
import { LimitsSection } from './LimitsSection';
import { ProblemContext, useProblems } from './problems';
import { QueueSection } from './QueueSection';
import { StoreSection } from './StoreSection';
import { useSettings } from './useSettings';

export type Props = DataSourcePluginOptionsEditorProps<AuditLogOptions, AuditLogSecrets>;

export function ConfigEditor(props: Props) {
  const styles = useStyles2(getStyles);
  const settings = useSettings(props);
  const report = useProblems(props.validation);
  return (
    <ProblemContext.Provider value={report}>
      <fieldset className={styles.editor} disabled={props.options.readOnly} data-testid={configStrings.container}>
        <ConnectionSection settings={settings} />
        <LimitsSection settings={settings} />
        <QueueSection settings={settings} />
        <StoreSection settings={settings} />
        <DataLinksSection settings={settings} />
        <HttpSection settings={settings} />
      </fieldset>
      {/* Not in the fieldset: rules can be tested on a provisioned data source, too. */}
      <CatalogSection settings={settings} />
      <HealthSteps uid={props.options.uid} />
    </ProblemContext.Provider>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ border: 0, margin: 0, padding: 0, minWidth: 0, maxWidth: theme.spacing(90) }),
});
