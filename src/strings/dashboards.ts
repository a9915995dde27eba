// The text that new dashboards get.

export const dashboardStrings = {
  filters: 'Filters',
  boards: 'Audit log',
};
