// Where edges may leave a node, told from its data.
import { type Data, isEntry, isInnerStart, records, text } from './types';

type HandleKind = 'next' | 'case' | 'else' | 'class' | 'action' | 'timeout' | 'fail';

export interface Handle {
  id: string;
  kind: HandleKind;
  /** Of classes and actions: their name. */
  label: string;
  /** Of cases, classes and actions: their place, from 0. */
  index: number;
}

export const NEXT = 'source';
export const TARGET = 'target';
const FAIL = 'fail-branch';
const TIMEOUT = '__timeout__';

const handle = (id: string, kind: HandleKind, label = '', index = 0): Handle => ({ id, kind, label, index });

export function handlesOf(data: Data): Handle[] {
  const type = text(data.type);
  const fail = data.error_strategy === 'fail-branch' ? [handle(FAIL, 'fail')] : [];
  switch (type) {
    case '':
    case 'end':
    case 'loop-end':
    case 'knowledge-index':
      return [];
    case 'if-else': {
      const cases = Array.isArray(data.cases) ? records(data.cases) : [{ case_id: 'true' }];
      return [
        ...cases.map((one, i) => handle(text(one.case_id) || text(one.id) || 'true', 'case', '', i)),
        handle('false', 'else'),
        ...fail,
      ];
    }
    case 'question-classifier':
      return [...records(data.classes).map((one, i) => handle(text(one.id), 'class', text(one.name), i)), ...fail];
    case 'human-input':
      return [
        ...records(data.user_actions).map((one, i) => handle(text(one.id), 'action', text(one.title), i)),
        handle(TIMEOUT, 'timeout'),
      ];
    default:
      return [handle(NEXT, 'next'), ...fail];
  }
}

/** Whether edges may lead to it. */
export const takesEdges = (type: string): boolean => type !== '' && !isEntry(type) && !isInnerStart(type);
/** Whether it chooses where the flow goes on. */
export const isBranch = (type: string): boolean =>
  type === 'if-else' || type === 'question-classifier' || type === 'human-input';
