import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Countdown, inWords } from './countdown.js';

const ticks: number[] = [];
const end = vi.fn();
let countdown: Countdown;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  ticks.length = 0;
  end.mockReset();
  countdown = new Countdown({ tick: (seconds) => ticks.push(seconds), end });
});
afterEach(() => vi.useRealTimers());

test('it counts every second and ends once', () => {
  countdown.start(3_000);
  expect(countdown.running).toBe(true);
  vi.advanceTimersByTime(2_999);
  expect(ticks).toEqual([3, 2, 1]);
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(end).toHaveBeenCalledOnce();
  expect(countdown.running).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(ticks).toEqual([3, 2, 1]);
});

test('part of a second counts as one', () => {
  countdown.start(1_500);
  expect(ticks).toEqual([2]);
  vi.advanceTimersByTime(500);
  expect(ticks).toEqual([2, 1]);
  vi.advanceTimersByTime(1_000);
  expect(end).toHaveBeenCalledOnce();
});

test('a page that slept is not late', () => {
  countdown.start(60_000);
  vi.setSystemTime(1_000_000 + 59_500);
  vi.advanceTimersByTime(1_000);
  expect(end).toHaveBeenCalledOnce();
});

test('a clock that is set back does not lengthen the wait', () => {
  countdown.start(10_000);
  vi.setSystemTime(0);
  vi.advanceTimersByTime(1_000);
  expect(Math.max(...ticks)).toBe(10);
});

test('the later of two moments wins', () => {
  countdown.start(10_000);
  countdown.start(5_000);
  expect(ticks).toEqual([10]);
  countdown.start(20_000);
  vi.advanceTimersByTime(19_999);
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(end).toHaveBeenCalledOnce();
});

test('stopped, it says nothing more', () => {
  countdown.start(10_000);
  countdown.stop();
  vi.advanceTimersByTime(20_000);
  expect(ticks).toEqual([10]);
  expect(end).not.toHaveBeenCalled();
  expect(countdown.running).toBe(false);
});

test.each([
  [1, '1 second'],
  [23, '23 seconds'],
  [99, '99 seconds'],
  [125, '2 min 5 s'],
])('%d seconds are %j', (seconds, words) => {
  expect(inWords(seconds)).toBe(words);
});
