import { LoadingState } from '@grafana/data';
import type { MillisecondRange } from '../variables/values';
import type { EditorProps } from './props';

/**
 * Returns the time range of the answer on screen, which a panel may override; before there is an answer, that of the editor.
 * Before the first request, the time range in the data is only a placeholder.
 */
export function shownRange({ data, range }: Pick<EditorProps, 'data' | 'range'>): MillisecondRange | undefined {
  const shown = data && data.state !== LoadingState.NotStarted ? data.timeRange : range;
  return shown && { from: shown.from.valueOf(), to: shown.to.valueOf() };
}
