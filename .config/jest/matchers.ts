import '@testing-library/jest-dom';
import { configure } from '@testing-library/react';

// jsdom draws nothing, so working out what is visible costs seconds and says little.
// Waiting has room for a busy machine.
configure({ defaultHidden: true, asyncUtilTimeout: 10_000 });

// React tells of mistakes on the console; in a test they are failures.
let complaints: jest.SpyInstance;
beforeEach(() => {
  complaints = jest.spyOn(console, 'error');
});
afterEach(() => {
  expect(complaints).not.toHaveBeenCalled();
  complaints.mockRestore();
});
