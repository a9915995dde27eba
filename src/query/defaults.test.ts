import { CoreApp, LogsSortOrder, store } from '@grafana/data';
import { defaultQuery } from './defaults';

afterEach(() => store.delete('grafana.explore.logs.sortOrder'));

it.each<[CoreApp, LogsSortOrder | undefined, string]>([
  [CoreApp.Explore, undefined, 'desc'],
  [CoreApp.Explore, LogsSortOrder.Descending, 'desc'],
  [CoreApp.Explore, LogsSortOrder.Ascending, 'asc'],
  [CoreApp.PanelEditor, LogsSortOrder.Ascending, 'desc'],
])('a new query in %s, whose logs are %s, is %s', (app, shown, sort) => {
  if (shown) {
    store.set('grafana.explore.logs.sortOrder', shown);
  }
  expect(defaultQuery(app, 1000).sort).toBe(sort);
});
