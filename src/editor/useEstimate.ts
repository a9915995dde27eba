import { LoadingState } from '@grafana/data';
import { useEffect, useId, useState } from 'react';
import type { Estimate } from '../query/estimate';
import type { EditorProps } from './props';
import { shownRange } from './shownRange';

const DEBOUNCE_MS = 400;

type Asked = Pick<EditorProps, 'datasource' | 'query' | 'data' | 'range'>;

/** Returns what a query costs; nothing while that is unknown. It is asked again when the query, its range or what is cached has changed. */
export function useEstimate({ datasource, query, data, range }: Asked, enabled: boolean): Estimate | undefined {
  const requestId = useId();
  const [answer, setAnswer] = useState<{ key: string; estimate: Estimate }>();
  const shown = shownRange({ data, range });
  const isLoading = data?.state === LoadingState.Loading || data?.state === LoadingState.Streaming;
  const key = JSON.stringify([query, shown, isLoading]);
  const { scopedVars, filters } = data?.request ?? {};
  const ask = () => (shown ? datasource.estimate(query, shown, `${datasource.uid}-estimate-${requestId}`, { scopedVars, filters }) : undefined);

  useEffect(() => {
    if (!enabled || isLoading) {
      return undefined;
    }
    let isCurrent = true;
    const timer = setTimeout(() => {
      // Without an estimate the sentence stands alone: what is wrong with the query is said elsewhere.
      ask()?.then(
        (estimate) => isCurrent && setAnswer({ key, estimate }),
        () => undefined
      );
    }, DEBOUNCE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
    // The key stands for everything that is asked.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, enabled]);

  return enabled && answer?.key === key ? answer.estimate : undefined;
}
