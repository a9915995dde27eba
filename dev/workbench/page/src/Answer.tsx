import { LoadingState, type PanelData } from '@grafana/data';
import { Alert, type AlertVariant, Button, LoadingBar, Stack } from '@grafana/ui';
import { useState } from 'react';

import { Inspector } from './Inspector';
import { Measured } from './Measured';
import { errorText } from './query';
import { preferred, Visual } from './visual';

/** Shows the answer to a query like Explore: errors and notices first, then the visualization that the frames prefer. */
export function Answer({ data }: { data: PanelData }) {
  const [inspecting, setInspecting] = useState(false);
  const type = preferred(data.series);
  const notices = data.series.flatMap((frame) => frame.meta?.notices ?? []);
  const loading = data.state === LoadingState.Loading;
  return (
    <section aria-label="Result" aria-busy={loading} data-testid="workbench result">
      {loading && <LoadingBar width={300} />}
      {data.errors?.map((error, index) => (
        <Alert key={index} title="Query error" severity="error">
          {errorText(error)}
        </Alert>
      ))}
      {notices.map((notice, index) => (
        <Alert key={index} title={notice.text} severity={notice.severity as AlertVariant} />
      ))}
      {!loading && !data.errors && (
        <Measured height={type === 'timeseries' ? 280 : 480}>
          {(width, height) => <Visual type={type} frames={data.series} range={data.timeRange} width={width} height={height} />}
        </Measured>
      )}
      {type === 'timeseries' && !data.errors && (
        <Measured height={240}>
          {(width, height) => <Visual type="table" frames={data.series} range={data.timeRange} width={width} height={height} />}
        </Measured>
      )}
      <Stack>
        <Button variant="secondary" size="sm" icon="info-circle" onClick={() => setInspecting(!inspecting)} aria-expanded={inspecting}>
          Inspector
        </Button>
      </Stack>
      {inspecting && <Inspector frames={data.series} />}
    </section>
  );
}
