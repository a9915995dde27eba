import '@testing-library/jest-dom';
import { configure } from '@testing-library/react';

// jsdom draws nothing, so working out what is visible costs seconds and says little.
// Waiting has room for a busy machine.
configure({ defaultHidden: true, asyncUtilTimeout: 10_000 });
