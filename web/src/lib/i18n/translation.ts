import type { en } from './en';

type Widen<T> = { [K in keyof T]: T[K] extends string ? string : Widen<T[K]> };

/** Every language has exactly the keys of English. */
export type Translation = Widen<typeof en>;

/** A name and what it stands for, and the same of its parts. */
export interface Described {
  [part: string]: string | Described;
}
