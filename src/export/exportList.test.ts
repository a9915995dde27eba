import { ExportError, type ExportApi } from './api';
import { ExportList } from './exportList';
import { readJob, type ExportJob, type ExportRequest } from './job';
import { rememberedExports, type Remembered } from './remembered';

const request = { query: { refId: 'A' }, from: 1, to: 2, format: 'csv' } satisfies ExportRequest;
const gone = () => new ExportError('there is no such export', 404);

function job(id: string, status: string, more: object = {}): ExportJob {
  return readJob({ id, status, format: 'csv', createdAt: 1000, ...more }) as ExportJob;
}

/** A data source whose exports a test sets; every call is noted. */
class FakeApi implements ExportApi {
  readonly calls: string[] = [];
  readonly jobs = new Map<string, ExportJob | Error>();
  listed: string[] | Error = [];
  message?: string;

  async list() {
    this.calls.push('list');
    if (this.listed instanceof Error) {
      throw this.listed;
    }
    return { jobs: this.listed.map((id) => this.jobs.get(id) as ExportJob), message: this.message };
  }
  async start() {
    this.calls.push('start');
    return this.answer('new');
  }
  async status(id: string) {
    this.calls.push(id);
    return this.answer(id);
  }
  async remove(id: string) {
    this.calls.push(`remove ${id}`);
    this.answer(id);
  }
  async manifest() {
    return {};
  }
  private answer(id: string): ExportJob {
    const found = this.jobs.get(id) ?? gone();
    if (found instanceof Error) {
      throw found;
    }
    return found;
  }
}

function fakeStorage(): Storage {
  const entries = new Map<string, string>();
  return { getItem: (key: string) => entries.get(key) ?? null, setItem: (key: string, value: string) => entries.set(key, value) } as unknown as Storage;
}

function setup(jobs: ExportJob[] = [], own: string[] = []) {
  const api = new FakeApi();
  jobs.forEach((each) => api.jobs.set(each.id, each));
  api.listed = jobs.map(({ id }) => id);
  const storage = fakeStorage();
  const remembered: Remembered = rememberedExports(1, 'uid', () => storage);
  own.forEach((id) => remembered.add(id));
  const list = new ExportList(api, remembered, Date.now);
  return { api, list, remembered, shown: () => list.getState().jobs.map(({ id, status }) => `${id} ${status}`) };
}

beforeEach(() => jest.useFakeTimers({ now: 10_000 }));
afterEach(() => jest.useRealTimers());
const pass = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds);

describe('opening', () => {
  it('asks for nothing before somebody looks', async () => {
    const { api } = setup([job('a', 'IN_PROGRESS')]);
    await pass(60_000);
    expect(api.calls).toEqual([]);
  });

  it('shows the list and what this browser remembers beyond it, newest first and each once', async () => {
    const { api, list, shown } = setup([job('a', 'COMPLETED'), job('b', 'COMPLETED', { createdAt: 3000 })], ['a', 'mine']);
    api.jobs.set('mine', job('mine', 'COMPLETED', { createdAt: 2000 }));
    list.subscribe(jest.fn());
    await pass(0);
    expect(shown()).toEqual(['b COMPLETED', 'mine COMPLETED', 'a COMPLETED']);
    expect(api.calls.at(-1)).toBe('list');
  });

  it('drops what is gone, and keeps what could not be asked for', async () => {
    const { api, list, shown, remembered } = setup([], ['gone', 'later']);
    api.jobs.set('later', new ExportError('the limit is reached', 429));
    list.subscribe(jest.fn());
    await pass(0);
    expect(shown()).toEqual([]);
    expect(remembered.ids()).toEqual(['later']);
    expect(list.getState().problem).toBe('the limit is reached');
  });

  it('tells a list that fails and shows what is remembered', async () => {
    const { api, list, shown } = setup([], ['mine']);
    api.jobs.set('mine', job('mine', 'COMPLETED'));
    api.listed = new ExportError('no connection', 502);
    list.subscribe(jest.fn());
    await pass(0);
    expect(shown()).toEqual(['mine COMPLETED']);
    expect(list.getState()).toMatchObject({ problem: 'no connection', loading: false });
  });

  it('tells what may be missing from a list', async () => {
    const { api, list, shown } = setup([job('a', 'COMPLETED')]);
    api.message = 'the jobs cannot be listed';
    list.subscribe(jest.fn());
    await pass(0);
    expect(shown()).toEqual(['a COMPLETED']);
    expect(list.getState().problem).toBe('the jobs cannot be listed');
  });
});

describe('polling', () => {
  it('waits longer each time, up to ten seconds', async () => {
    const { api, list } = setup([job('a', 'IN_PROGRESS')]);
    list.subscribe(jest.fn());
    await pass(0);
    const asked: number[] = [];
    const start = Date.now();
    api.status = async (id) => {
      asked.push(Date.now() - start);
      return job(id, 'SOMETHING_NEW');
    };
    await pass(60_000);
    const waits = asked.map((time, index) => time - (asked[index - 1] ?? 0));
    expect(waits.slice(0, 3)).toEqual([1000, 1500, 2250]);
    expect(waits.slice(-3)).toEqual([10_000, 10_000, 10_000]);
  });

  it('asks only for what runs, and ends when it is done', async () => {
    const { api, list, shown } = setup([job('a', 'IN_PROGRESS'), job('b', 'FAILED'), job('c', 'EXPIRED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('a', job('a', 'COMPLETED'));
    await pass(600_000);
    expect(api.calls).toEqual(['list', 'a']);
    expect(shown()).toContain('a COMPLETED');
  });

  it('goes on after an error, which it tells until an answer comes', async () => {
    const { api, list, shown } = setup([job('a', 'IN_PROGRESS')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('a', new ExportError('bad gateway', 502));
    await pass(1000);
    expect(list.getState().problem).toBe('bad gateway');
    expect(shown()).toEqual(['a IN_PROGRESS']);
    api.jobs.set('a', job('a', 'COMPLETED'));
    await pass(1500);
    expect(list.getState().problem).toBeUndefined();
    expect(shown()).toEqual(['a COMPLETED']);
  });

  it('says that a running export is gone', async () => {
    const { api, list, shown } = setup([job('a', 'IN_PROGRESS')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.delete('a');
    await pass(1000);
    expect(shown()).toEqual([]);
    expect(list.getState().problem).toMatch(/no longer available/);
  });

  it('stops when nobody looks, also in the middle of a call, and goes on when somebody does again', async () => {
    const { api, list, shown } = setup([job('a', 'IN_PROGRESS')]);
    const leave = list.subscribe(jest.fn());
    const leaveToo = list.subscribe(jest.fn());
    await pass(0);
    leave();
    jest.advanceTimersByTime(1000);
    leaveToo();
    await pass(600_000);
    expect(api.calls).toEqual(['list', 'a']);
    api.jobs.set('a', job('a', 'COMPLETED'));
    list.subscribe(jest.fn());
    await pass(0);
    expect(shown()).toEqual(['a COMPLETED']);
  });

  it('renews the ages on show without a call', async () => {
    const { api, list } = setup([job('a', 'COMPLETED')]);
    const listener = jest.fn();
    list.subscribe(listener);
    await pass(0);
    await pass(90_000);
    expect(list.getState().now).toBe(100_000);
    expect(api.calls).toEqual(['list']);
  });
});

describe('starting', () => {
  it('shows the new export at once, remembers it and follows it from the shortest wait', async () => {
    const { api, list, shown, remembered } = setup([job('old', 'IN_PROGRESS')]);
    list.subscribe(jest.fn());
    await pass(30_000);
    api.calls.length = 0;
    api.jobs.set('new', job('new', 'CREATED', { createdAt: 5000 }));
    await list.start(request);
    expect(shown()).toEqual(['new CREATED', 'old IN_PROGRESS']);
    expect(remembered.ids()).toEqual(['new']);
    await pass(1000);
    expect(api.calls).toEqual(['start', 'new', 'old']);
  });

  it('survives a list that was asked for before', async () => {
    const { api, list, shown } = setup([job('old', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('new', job('new', 'CREATED', { createdAt: 5000 }));
    const refreshed = list.refresh();
    await list.start(request);
    await refreshed;
    expect(shown()).toEqual(['new CREATED', 'old COMPLETED']);
    expect(list.getState().loading).toBe(false);
  });

  it('throws in words, and the list stays', async () => {
    const { api, list, shown } = setup([job('old', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('new', new ExportError('only editors may', 403));
    await expect(list.start(request)).rejects.toThrow('only editors may');
    expect(shown()).toEqual(['old COMPLETED']);
  });
});

describe('removing', () => {
  it('takes an export off the list for good', async () => {
    const { list, shown, remembered } = setup([job('a', 'IN_PROGRESS'), job('b', 'COMPLETED')], ['a']);
    list.subscribe(jest.fn());
    await pass(0);
    await list.remove('a');
    expect(shown()).toEqual(['b COMPLETED']);
    expect(remembered.ids()).toEqual([]);
    await list.refresh();
    expect(shown()).toEqual(['b COMPLETED']);
  });

  it('is no problem in the middle of a poll', async () => {
    const { api, list, shown } = setup([job('a', 'IN_PROGRESS')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.remove = async () => {
      api.jobs.delete('a');
    };
    jest.advanceTimersByTime(1000);
    await list.remove('a');
    await pass(0);
    expect(shown()).toEqual([]);
    expect(list.getState().problem).toBeUndefined();
  });

  it('keeps an export that could not be removed, and drops one that is gone already', async () => {
    const { api, list, shown } = setup([job('a', 'COMPLETED'), job('b', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('a', new ExportError('only editors may', 403));
    api.jobs.delete('b');
    await list.remove('a');
    expect(list.getState().problem).toBe('only editors may');
    await list.remove('b');
    expect(shown()).toEqual(['a COMPLETED']);
  });
});

describe('before a download', () => {
  it('nothing stands in the way of a finished export', async () => {
    const { list } = setup([job('a', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    await expect(list.checkDownload('a')).resolves.toBe(true);
    expect(list.getState().problem).toBeUndefined();
  });

  it('an error stays in the list', async () => {
    const { api, list, shown } = setup([job('a', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('a', new ExportError('no connection', 502));
    await expect(list.checkDownload('a')).resolves.toBe(false);
    expect(list.getState().problem).toBe('no connection');
    expect(shown()).toEqual(['a COMPLETED']);
  });

  it('an export that is gone leaves the list, with a reason', async () => {
    const { api, list, shown, remembered } = setup([job('a', 'COMPLETED')], ['a']);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.delete('a');
    await expect(list.checkDownload('a')).resolves.toBe(false);
    expect(list.getState().problem).toMatch(/no longer available/);
    expect(shown()).toEqual([]);
    expect(remembered.ids()).toEqual([]);
  });

  it('an export that has expired since is shown as such', async () => {
    const { api, list, shown } = setup([job('a', 'COMPLETED')]);
    list.subscribe(jest.fn());
    await pass(0);
    api.jobs.set('a', job('a', 'EXPIRED'));
    await expect(list.checkDownload('a')).resolves.toBe(false);
    expect(shown()).toEqual(['a EXPIRED']);
  });
});

describe('what a browser remembers', () => {
  it('is the last twenty of one data source', () => {
    const storage = fakeStorage();
    const own = rememberedExports(1, 'one', () => storage);
    Array.from({ length: 25 }, (_, index) => own.add(String(index)));
    own.add('10');
    expect(own.ids()).toHaveLength(20);
    expect(own.ids().slice(0, 3)).toEqual(['10', '24', '23']);
    expect(rememberedExports(1, 'two', () => storage).ids()).toEqual([]);
    expect(rememberedExports(2, 'one', () => storage).ids()).toEqual([]);
  });

  it.each(['no JSON', '{"a":1}', 'null'])('is nothing when the storage holds %s', (text) => {
    const own = rememberedExports(1, 'one', () => ({ getItem: () => text, setItem: jest.fn() }));
    expect(own.ids()).toEqual([]);
  });

  it('is nothing when the browser refuses its storage', () => {
    const own = rememberedExports(1, 'one', () => {
      throw new DOMException('denied', 'SecurityError');
    });
    own.add('a');
    expect(own.ids()).toEqual([]);
  });
});
