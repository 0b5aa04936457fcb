// One CodeMirror editor as React wants it: its text comes from outside, its changes go there. Loaded with the first editor.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder as placeholderOf } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react';
import { PAUSE_MS } from './quiet-input';

export interface EditorHandle {
  /** Puts text where the cursor is. */
  insert: (text: string) => void;
}

interface Options {
  ref?: Ref<EditorHandle> | undefined;
  label: string;
  value: string;
  onChange: (value: string) => void;
  isLine?: boolean;
  isCode?: boolean;
  minRows: number;
  maxRows?: number;
  placeholder: string;
  disabled: boolean;
  /** Of the language; read once. */
  extensions: Extension;
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.definitionKeyword, tags.operatorKeyword], class: 'tok-k' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], class: 'tok-s' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], class: 'tok-c' },
  { tag: [tags.number, tags.bool, tags.null], class: 'tok-n' },
]);

const theme = EditorView.theme({
  '&': { backgroundColor: 'transparent', color: 'var(--ink)', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.25rem', overflow: 'auto' },
  '.cm-content': { padding: '0.4rem 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 0.7rem' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-placeholder': { color: 'var(--ink-3)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in oklab, var(--accent) 24%, transparent)',
  },
  '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: 'var(--ink-3)', fontSize: '0.6875rem' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 0.25rem 0 0.6rem', minWidth: '1.6rem' },
  '.cm-matchingBracket': { backgroundColor: 'var(--hover)', outline: '1px solid var(--line-strong)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line)',
    borderRadius: '0.5rem',
    boxShadow: 'var(--shadow-3)',
    overflow: 'hidden',
    zIndex: '80',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'inherit',
    maxHeight: '16rem',
    minWidth: '15rem',
    padding: '0.25rem',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': {
    display: 'flex',
    gap: '0.75rem',
    alignItems: 'center',
    borderRadius: '0.4rem',
    padding: '0.25rem 0.5rem',
    color: 'var(--ink)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--hover)',
    color: 'var(--ink)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > completion-section': {
    borderBottom: 'none',
    color: 'var(--ink-3)',
    fontSize: '0.75rem',
    padding: '0.35rem 0.5rem 0.1rem',
    opacity: '1',
  },
  '.cm-completionLabel': { fontFamily: 'var(--font-mono)', fontSize: '0.75rem', color: 'var(--accent-ink)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
  '.cm-completionDetail': {
    marginLeft: 'auto',
    fontStyle: 'normal',
    fontFamily: 'var(--font-mono)',
    fontSize: '0.6875rem',
    color: 'var(--ink-3)',
  },
});

const shape = (minRows: number, maxRows: number, isCode: boolean) =>
  EditorView.theme({
    '.cm-content, .cm-gutter': { minHeight: `${minRows * 1.25 + 0.8}rem` },
    '.cm-scroller': {
      maxHeight: `${maxRows * 1.25 + 0.8}rem`,
      ...(isCode ? { fontFamily: 'var(--font-mono)', fontSize: '0.75rem' } : {}),
    },
  });

/** No line breaks: what is pasted becomes one line. */
const oneLine = EditorState.transactionFilter.of((transaction) => {
  if (!transaction.docChanged || transaction.newDoc.lines === 1) return transaction;
  const flat = transaction.newDoc
    .toString()
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  return [
    { changes: { from: 0, to: transaction.startState.doc.length, insert: flat }, selection: { anchor: flat.length } },
  ];
});

export function useCodeMirror(options: Options) {
  const { ref, value, disabled, minRows, maxRows = 24, isCode = false } = options;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(options);
  latest.current = options;
  const parts = useRef({ editable: new Compartment(), shape: new Compartment() });

  useEffect(() => {
    const parent = host.current;
    if (!parent) return;
    const { label, isLine, placeholder, extensions, value: text } = latest.current;
    const { editable, shape: shaped } = parts.current;
    let pause: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      clearTimeout(pause);
      const next = made.state.doc.toString();
      if (next !== latest.current.value) latest.current.onChange(next);
    };
    const made = new EditorView({
      parent,
      state: EditorState.create({
        doc: text,
        extensions: [
          history(),
          drawSelection(),
          extensions,
          syntaxHighlighting(COLOURS),
          isLine ? oneLine : [],
          isCode ? [lineNumbers(), indentOnInput(), bracketMatching(), closeBrackets()] : EditorView.lineWrapping,
          keymap.of([
            ...(isCode ? [...closeBracketsKeymap, indentWithTab] : []),
            ...completionKeymap,
            ...defaultKeymap,
            ...historyKeymap,
          ]),
          // the earlier one wins: the font of code over the page's
          shaped.of([]),
          theme,
          editable.of([]),
          placeholder ? placeholderOf(placeholder) : [],
          EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: isCode ? 'false' : 'true' }),
          // what is typed is the draft's in the first pause, or as soon as the editor is left
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            clearTimeout(pause);
            pause = setTimeout(tell, PAUSE_MS);
          }),
          EditorView.domEventHandlers({ blur: tell }),
        ],
      }),
    });
    view.current = made;
    // before the draft itself is saved on leaving the page
    window.addEventListener('beforeunload', tell, { capture: true });
    return () => {
      window.removeEventListener('beforeunload', tell, { capture: true });
      tell();
      view.current = null;
      made.destroy();
    };
  }, [isCode]);

  useEffect(() => {
    const { editable, shape: shaped } = parts.current;
    view.current?.dispatch({
      effects: [
        editable.reconfigure([EditorView.editable.of(!disabled), EditorState.readOnly.of(disabled)]),
        shaped.reconfigure(shape(minRows, Math.max(maxRows, minRows), isCode)),
      ],
    });
  }, [disabled, minRows, maxRows, isCode]);

  // undone, restored, or changed by another field
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useImperativeHandle(ref, () => ({
    insert: (text) => {
      const editor = view.current;
      if (!editor) return;
      editor.dispatch(editor.state.replaceSelection(text), { scrollIntoView: true });
      editor.focus();
    },
  }));
  return { host, view };
}
