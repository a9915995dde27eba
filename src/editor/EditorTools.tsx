import { css } from '@emotion/css';
import { CoreApp, type GrafanaTheme2 } from '@grafana/data';
import { config } from '@grafana/runtime';
import { Button, useStyles2, type IconName } from '@grafana/ui';
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { adhocProblemOf } from '../adhoc/adhoc';
import { ExportPanel } from '../export/ExportPanel';
import { alertFormUrl } from '../query/alertForm';
import { isAlertApp, withDefaults } from '../query/defaults';
import { withoutGrafanaKeys } from '../query/problems';
import { exportStrings } from '../strings/exports';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { AlertHelp } from './AlertHelp';
import type { EditorProps } from './props';
import { shownRange } from './shownRange';

const texts = queryStrings;

interface Props extends Pick<EditorProps, 'app' | 'datasource' | 'query' | 'data' | 'range'> {
  onEdit: (change: Partial<AuditLogQuery>) => void;
}

interface Tool {
  name: 'export' | 'alert';
  label: string;
  icon: IconName;
  panel: () => ReactNode;
}

/** Offers what to do with a query beyond its answer: an export, and help with an alert rule. Annotations and variables have neither. */
export function EditorTools({ app, datasource, query, data, range, onEdit }: Props) {
  const forAlert = isAlertApp(app);
  const inView = app === CoreApp.Explore || app === CoreApp.PanelEditor || app === CoreApp.Dashboard;
  const { scopedVars = {}, filters } = data?.request ?? {};
  const mayChange = ['Editor', 'Admin'].includes(config.bootData.user.orgRole);
  const formUrl = () => alertFormUrl(query, datasource.uid, shownRange({ data, range }), config.appSubUrl);
  const exporting: Tool = {
    name: 'export',
    label: exportStrings.open,
    icon: 'download-alt',
    panel: () => (
      <ExportPanel
        uid={datasource.uid}
        mayChange={mayChange}
        query={() => withoutGrafanaKeys(datasource.applyTemplateVariables(query, scopedVars, filters))}
        range={shownRange({ data, range })}
        warning={datasource.variableWarning(query, scopedVars)}
        obstacle={withDefaults(query).source === 'queue' ? exportStrings.searchOnly : (query.variableError ?? adhocProblemOf(query, filters))}
      />
    ),
  };
  const alerting: Tool = {
    name: 'alert',
    label: texts.alertHelp.label,
    icon: 'bell',
    panel: () => (
      <AlertHelp
        forAlert={forAlert}
        query={query}
        settleSeconds={datasource.settleSeconds}
        formUrl={mayChange && !forAlert && app === CoreApp.Explore ? formUrl() : undefined}
        onUse={onEdit}
      />
    ),
  };
  const tools = [...(inView ? [exporting] : []), ...(inView || forAlert ? [alerting] : [])];
  return tools.length > 0 ? <ToolBar tools={tools} /> : null;
}

function ToolBar({ tools }: { tools: Tool[] }) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [open, setOpen] = useState<Tool['name']>();
  const buttons = useRef(new Map<Tool['name'], HTMLButtonElement | null>());
  const shown = tools.find(({ name }) => name === open);
  const close = () => {
    setOpen(undefined);
    buttons.current.get(open ?? 'export')?.focus();
  };
  return (
    <div className={styles.tools}>
      <div role="group" aria-label={texts.tools} className={styles.bar}>
        {tools.map(({ name, label, icon }) => (
          <Button
            key={name}
            ref={(element) => {
              buttons.current.set(name, element);
            }}
            id={`${id}-${name}`}
            size="sm"
            variant="secondary"
            icon={icon}
            aria-expanded={name === open}
            aria-controls={name === open ? `${id}-panel` : undefined}
            onClick={() => setOpen(name === open ? undefined : name)}
          >
            {label}
          </Button>
        ))}
      </div>
      {shown && (
        <ToolPanel key={shown.name} id={`${id}-panel`} labelledBy={`${id}-${shown.name}`} onClose={close}>
          {shown.panel()}
        </ToolPanel>
      )}
    </div>
  );
}

interface ToolPanelProps {
  id: string;
  labelledBy: string;
  onClose: () => void;
  children: ReactNode;
}

/** Takes the focus when it opens; Escape closes it and returns the focus. */
function ToolPanel({ id, labelledBy, onClose, children }: ToolPanelProps) {
  const styles = useStyles2(getStyles);
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.focus(), []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation(); // Grafana would leave the panel editor.
      onClose();
    }
  };
  return (
    <section ref={section} id={id} aria-labelledby={labelledBy} tabIndex={-1} className={styles.panel} onKeyDown={onKeyDown}>
      {children}
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  tools: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1), minWidth: 0 }),
  bar: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1) }),
  panel: css({
    padding: theme.spacing(1.5),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    minWidth: 0,
    '&:focus': { outline: 'none' },
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` },
  }),
});
