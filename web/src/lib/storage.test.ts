import { afterEach, expect, it, vi } from 'vitest';
import { recall, remember } from './storage';

afterEach(() => vi.restoreAllMocks());

it('keeps a choice in the browser', () => {
  remember('a', '1');
  expect(localStorage.getItem('a')).toBe('1');
  expect(recall('a')).toBe('1');
  expect(recall('b')).toBeNull();
});

it('goes on without the browser’s storage, which frames of other sites may lack', () => {
  vi.spyOn(window, 'localStorage', 'get').mockImplementation(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  expect(recall('c')).toBeNull();
  remember('c', '2');
  expect(recall('c')).toBe('2');
});
