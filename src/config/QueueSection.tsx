import { Alert, ConfirmModal } from '@grafana/ui';
import { useState } from 'react';
import { configStrings } from '../strings/config';
import type { AuditLogOptions } from '../types';
import { NumberField, SwitchField } from './fields';
import { Section } from './Section';
import { readBoolean } from './settings';
import type { Settings } from './useSettings';

const texts = configStrings;

export function QueueSection({ settings }: { settings: Settings }) {
  const { json, setJson } = settings;
  const used = usesQueue(json);
  return (
    <Section texts={texts.queue} open={used}>
      <QueueWarning />
      <QueueSwitch enabled={json.queueEnabled} onChange={(queueEnabled) => setJson({ queueEnabled })} />
      {used && (
        <NumberField
          texts={texts.queuePollSeconds}
          value={json.queuePollSeconds}
          byDefault={60}
          min={10}
          max={86_400}
          onChange={(queuePollSeconds) => setJson({ queuePollSeconds })}
        />
      )}
    </Section>
  );
}

interface QueueSwitchProps {
  enabled: AuditLogOptions['queueEnabled'];
  onChange: (enabled: boolean) => void;
}

/** Switches the queue on after a confirmation, because reading destroys. */
function QueueSwitch({ enabled, onChange }: QueueSwitchProps) {
  const [asks, setAsks] = useState(false);
  const { title, body, confirm } = texts.queueConfirm;
  const accept = () => {
    setAsks(false);
    onChange(true);
  };
  return (
    <>
      <SwitchField texts={texts.queueEnabled} value={enabled} onChange={(wanted) => (wanted ? setAsks(true) : onChange(false))} />
      <ConfirmModal isOpen={asks} title={title} body={body} confirmText={confirm} onConfirm={accept} onDismiss={() => setAsks(false)} />
    </>
  );
}

function QueueWarning() {
  return (
    <Alert severity="warning" title={texts.queueWarning.title}>
      {texts.queueWarning.text}
    </Alert>
  );
}

/** Reports whether the queue is on, or has settings of its own. */
function usesQueue({ queueEnabled, queuePollSeconds }: AuditLogOptions): boolean {
  return readBoolean(queueEnabled) || queuePollSeconds !== undefined;
}
