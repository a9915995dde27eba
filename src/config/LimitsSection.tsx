import { DEFAULT_MAX_EVENTS } from '../query/defaults';
import { configStrings } from '../strings/config';
import { BudgetUse } from './BudgetUse';
import { NumberField } from './fields';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = configStrings;

export function LimitsSection({ settings: { options, json, setJson } }: { settings: Settings }) {
  const { requestsPerFiveMinutes, maxEvents, settleSeconds } = json;
  const open = [requestsPerFiveMinutes, maxEvents, settleSeconds].some((value) => value !== undefined);
  return (
    <Section texts={texts.limits} open={open}>
      <NumberField
        texts={texts.requestsPerFiveMinutes}
        value={requestsPerFiveMinutes}
        byDefault={600}
        min={1}
        max={1_000_000}
        onChange={(value) => setJson({ requestsPerFiveMinutes: value })}
      />
      <BudgetUse uid={options.uid} />
      <NumberField
        texts={texts.maxEvents}
        value={maxEvents}
        byDefault={DEFAULT_MAX_EVENTS}
        min={1}
        max={10_000_000}
        onChange={(value) => setJson({ maxEvents: value })}
      />
      <NumberField
        texts={texts.settleSeconds}
        value={settleSeconds}
        byDefault={60}
        min={0}
        max={86_400}
        onChange={(value) => setJson({ settleSeconds: value })}
      />
    </Section>
  );
}
