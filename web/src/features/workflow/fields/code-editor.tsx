import { javascript } from '@codemirror/lang-javascript';
import { python } from '@codemirror/lang-python';
import type { Extension } from '@codemirror/state';
import { Decoration, EditorView, MatchDecorator, ViewPlugin } from '@codemirror/view';
import { useCodeMirror } from './code-mirror';

/** Jinja: its marks stand out from the text around. */
const marks = new MatchDecorator({
  regexp: /\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/g,
  decoration: (match) =>
    Decoration.mark({
      class: match[0].startsWith('{#') ? 'tok-c' : match[0].startsWith('{%') ? 'tok-k' : 'text-accent-ink',
    }),
});
const jinja = ViewPlugin.define(
  (view) => ({
    decorations: marks.createDeco(view),
    update(update) {
      this.decorations = marks.updateDeco(update, this.decorations);
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

export type Language = 'python3' | 'javascript' | 'json' | 'jinja2';

const LANGUAGES: Record<Language, () => Extension> = {
  python3: () => python(),
  javascript: () => javascript(),
  json: () => javascript(),
  jinja2: () => [jinja, EditorView.lineWrapping],
};

interface CodeEditorProps {
  label: string;
  language: Language;
  value: string;
  onChange: (value: string) => void;
  minRows: number;
  maxRows?: number;
  disabled: boolean;
}

export default function CodeEditor({ language, ...props }: CodeEditorProps) {
  const { host } = useCodeMirror({ ...props, isCode: true, placeholder: '', extensions: LANGUAGES[language]() });
  return <div ref={host} className="nodrag nowheel min-w-0" />;
}
