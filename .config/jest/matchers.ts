import '@testing-library/jest-dom';
import { configure } from '@testing-library/react';

// jsdom has no layout, so computing what is visible costs seconds and proves little.
// The limits leave room for a busy machine.
configure({ defaultHidden: true, asyncUtilTimeout: 10_000 });

// React reports mistakes on the console; in a test they are failures.
let complaints: jest.SpyInstance;
beforeEach(() => {
  complaints = jest.spyOn(console, 'error');
});
afterEach(() => {
  expect(complaints).not.toHaveBeenCalled();
  complaints.mockRestore();
});
