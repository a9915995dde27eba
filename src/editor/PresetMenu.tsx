import { Button, Dropdown, Menu } from '@grafana/ui';
import { presetChange, type Preset } from './presets';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';

const texts = queryStrings.presets;

interface Props {
  presets: Preset[];
  onPick: (change: Partial<AuditLogQuery>) => void;
}

/** Offers queries to start from. */
export function PresetMenu({ presets, onPick }: Props) {
  const menu = () => (
    <Menu>
      {presets.map((preset) => (
        <Menu.Item key={preset.title} label={preset.title} description={preset.description} onClick={() => onPick(presetChange(preset))} />
      ))}
    </Menu>
  );
  return (
    <Dropdown overlay={menu} placement="bottom-start">
      <Button variant="secondary" icon="angle-down" iconPlacement="right" data-testid={texts.testId}>
        {texts.label}
      </Button>
    </Dropdown>
  );
}
