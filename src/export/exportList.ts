import { exportStrings } from '../strings/exports';
import { ExportError, type ExportApi } from './api';
import { byAge, isReady, isRunning, type ExportJob, type ExportRequest } from './job';
import type { Remembered } from './remembered';

const FIRST_WAIT = 1_000;
const MAX_WAIT = 10_000;
const GROWTH = 1.5;
/** How often the ages are updated while nothing is requested. */
const AGE_INTERVAL = 30_000;

export interface ExportListState {
  jobs: ExportJob[];
  loading: boolean;
  /** The message of the last failure. */
  problem?: string;
  /** The time that ages refer to, in milliseconds. */
  now: number;
}

/**
 * The exports of one data source, for every editor on the page. While the list has subscribers, it polls running exports with
 * growing waits; without any, it requests nothing.
 */
export class ExportList {
  private state: ExportListState;
  private readonly listeners = new Set<() => void>();
  private timer?: ReturnType<typeof setTimeout>;
  private wait = FIRST_WAIT;
  /** Counts refreshes: only the last of several takes effect. */
  private refreshes = 0;
  /** Counts chains of polls: only the last one continues. */
  private round = 0;
  private readonly removed = new Set<string>();

  constructor(
    private readonly api: ExportApi,
    private readonly remembered: Remembered,
    private readonly clock: () => number
  ) {
    this.state = { jobs: [], loading: false, now: clock() };
  }

  readonly getState = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) {
      void this.refresh();
    }
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) {
        this.round++;
        clearTimeout(this.timer);
      }
    };
  };

  /** Reads the list, and the exports that only this browser remembers. Failures become part of the state. */
  async refresh(): Promise<void> {
    const turn = ++this.refreshes;
    const before = new Set(this.state.jobs.map(({ id }) => id));
    this.set({ loading: true });
    // These come first: after a restart or on another replica, looking one up adds it to the list.
    const own = await Promise.all(this.remembered.ids().map((id) => this.lookUp(id)));
    let problem = own.find((answer) => typeof answer === 'string');
    let listed: ExportJob[] = [];
    try {
      const { jobs, message } = await this.api.list();
      listed = jobs;
      problem = message ?? problem;
    } catch (error) {
      problem = messageOf(error);
    }
    if (turn !== this.refreshes) {
      return;
    }
    const startedMeanwhile = this.state.jobs.filter(({ id }) => !before.has(id));
    const jobs = [...startedMeanwhile, ...listed, ...own.filter((answer) => typeof answer === 'object')];
    this.set({ jobs: distinct(jobs).filter(({ id }) => !this.removed.has(id)), loading: false, problem });
    this.schedule(this.restart());
  }

  /** Starts an export. It throws ExportError and leaves the list as it is. */
  async start(request: ExportRequest): Promise<ExportJob> {
    const job = await this.api.start(request);
    this.remembered.add(job.id);
    this.set({ jobs: distinct([job, ...this.state.jobs]), problem: undefined });
    this.schedule(this.restart());
    return job;
  }

  /**
   * Reports whether an export can be downloaded. A browser that follows a link to a missing file leaves the page, so the list
   * asks first and shows what is wrong.
   */
  async checkDownload(id: string): Promise<boolean> {
    const answer = await this.lookUp(id);
    if (typeof answer === 'object') {
      this.set({ jobs: this.state.jobs.map((job) => (job.id === id ? answer : job)), problem: undefined });
      return isReady(answer);
    }
    const gone = answer === undefined;
    this.set({
      jobs: gone ? this.state.jobs.filter((job) => job.id !== id) : this.state.jobs,
      problem: gone ? exportStrings.fileGone : answer,
    });
    return false;
  }

  /** Removes an export, also one that no longer exists. */
  async remove(id: string): Promise<void> {
    try {
      await this.api.remove(id);
    } catch (error) {
      if (!isGone(error)) {
        this.set({ problem: messageOf(error) });
        return;
      }
    }
    this.remembered.remove(id);
    this.removed.add(id);
    this.set({ jobs: this.state.jobs.filter((job) => job.id !== id), problem: undefined });
  }

  private async poll(round: number): Promise<void> {
    const running = this.state.jobs.filter(isRunning);
    const answers = await Promise.all(running.map(({ id }) => this.lookUp(id)));
    if (round !== this.round) {
      return;
    }
    let problem: string | undefined;
    let { jobs } = this.state;
    running.forEach(({ id }, index) => {
      const answer = answers[index];
      if (typeof answer === 'object') {
        jobs = jobs.map((job) => (job.id === id ? answer : job));
      } else if (typeof answer === 'string') {
        problem = answer;
      } else if (!this.removed.has(id)) {
        jobs = jobs.filter((job) => job.id !== id);
        problem = exportStrings.goneWhileRunning;
      }
    });
    this.set({ jobs, problem });
    this.schedule(round);
  }

  /** Returns the export, nothing when it does not exist, or the message of a failure. */
  private async lookUp(id: string): Promise<ExportJob | string | undefined> {
    try {
      return await this.api.status(id);
    } catch (error) {
      if (isGone(error)) {
        this.remembered.remove(id);
        return undefined;
      }
      return messageOf(error);
    }
  }

  private restart(): number {
    clearTimeout(this.timer);
    this.wait = FIRST_WAIT;
    return ++this.round;
  }

  private schedule(round: number): void {
    if (this.listeners.size === 0 || round !== this.round) {
      return;
    }
    if (!this.state.jobs.some(isRunning)) {
      this.timer = setTimeout(() => {
        this.set({});
        this.schedule(round);
      }, AGE_INTERVAL);
      return;
    }
    this.timer = setTimeout(() => void this.poll(round), this.wait);
    this.wait = Math.min(this.wait * GROWTH, MAX_WAIT);
  }

  private set(change: Partial<ExportListState>): void {
    this.state = { ...this.state, ...change, now: this.clock() };
    this.listeners.forEach((listener) => listener());
  }
}

/** Returns each export once, newest first. */
function distinct(jobs: ExportJob[]): ExportJob[] {
  return byAge(jobs.filter(({ id }, index) => jobs.findIndex((job) => job.id === id) === index));
}

function isGone(error: unknown): boolean {
  return error instanceof ExportError && error.status === 404;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
