import { DEFAULT_MAX_EVENTS } from '../query/defaults';
import { selectors } from '../selectors';
import { NumberField } from './fields';
import { Section } from './Section';
import type { Settings } from './useSettings';

const texts = selectors.configEditor;

export function LimitsSection({ settings: { json, setJson } }: { settings: Settings }) {
  const { requestsPerFiveMinutes, maxEvents, settleSeconds } = json;
  const open = [requestsPerFiveMinutes, maxEvents, settleSeconds].some((value) => value !== undefined);
  return (
    <Section texts={texts.limits} open={open}>
      <NumberField
        texts={texts.requestsPerFiveMinutes}
        description="The most requests that go to this Carbon Black Cloud host in any five minutes. All data sources of the host share them: where their limits differ the lowest counts, and alert rules go first."
        value={requestsPerFiveMinutes}
        byDefault={600}
        min={1}
        max={1_000_000}
        onChange={(value) => setJson({ requestsPerFiveMinutes: value })}
      />
      <NumberField
        texts={texts.maxEvents}
        description="The most events that one answer reads; one that would need more says that it is cut. Also the highest limit of a query."
        value={maxEvents}
        byDefault={DEFAULT_MAX_EVENTS}
        min={1}
        max={10_000_000}
        onChange={(value) => setJson({ maxEvents: value })}
      />
      <NumberField
        texts={texts.settleSeconds}
        description="How late an event may arrive. What is older than this is read once and kept in memory; what is newer is asked for again."
        value={settleSeconds}
        byDefault={60}
        min={0}
        max={86_400}
        onChange={(value) => setJson({ settleSeconds: value })}
      />
    </Section>
  );
}
