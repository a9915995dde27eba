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
        description="Carbon Black Cloud counts requests by address. This many may go to one host, for all its data sources together."
        value={requestsPerFiveMinutes}
        byDefault={600}
        min={1}
        max={100_000}
        onChange={(value) => setJson({ requestsPerFiveMinutes: value })}
      />
      <NumberField
        texts={texts.maxEvents}
        description="An answer that would read more says that it is cut. Also the highest limit of a query."
        value={maxEvents}
        byDefault={DEFAULT_MAX_EVENTS}
        min={1}
        max={10_000_000}
        onChange={(value) => setJson({ maxEvents: value })}
      />
      <NumberField
        texts={texts.settleSeconds}
        description="How late an event may arrive. What is older is final and kept in memory."
        value={settleSeconds}
        byDefault={60}
        min={0}
        max={86_400}
        onChange={(value) => setJson({ settleSeconds: value })}
      />
    </Section>
  );
}
