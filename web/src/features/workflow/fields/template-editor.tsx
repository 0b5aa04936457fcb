import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { type Extension, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from '@codemirror/view';
import { type Ref, useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Variable } from '../graph/outputs';
import { template } from '../graph/references';
import { lookUp, type Source } from '../graph/scope';
import { type EditorHandle, useCodeMirror } from './code-mirror';
import type { Special } from './template-field';
import { sourceTitle } from './variable-list';

/** What chips and completions are made of. */
interface Known {
  sources: Source[];
  titles: Map<string, string>;
  specials: readonly Special[];
  missing: string;
}

const setKnown = StateEffect.define<Known>();
const known = StateField.define<Known>({
  create: () => ({ sources: [], titles: new Map(), specials: [], missing: '' }),
  update: (value, transaction) => transaction.effects.find((effect) => effect.is(setKnown))?.value ?? value,
});

const REFERENCE = /\{\{#([^#{}\s]+)#\}\}/g;

class Chip extends WidgetType {
  constructor(
    readonly title: string,
    readonly name: string,
    readonly isGood: boolean,
    readonly hint: string,
  ) {
    super();
  }

  override eq(other: Chip) {
    return other.title === this.title && other.name === this.name && other.isGood === this.isGood;
  }

  toDOM() {
    const chip = document.createElement('span');
    chip.className = this.isGood
      ? 'mx-px inline-flex max-w-full items-baseline gap-1 rounded-[3px] bg-accent-soft px-1 text-accent-ink text-xs ring-1 ring-accent-line ring-inset'
      : 'mx-px inline-flex max-w-full items-baseline gap-1 rounded-[3px] bg-warn-soft px-1 text-warn-ink text-xs ring-1 ring-warn/50 ring-inset';
    chip.title = this.hint;
    if (this.title) {
      const title = document.createElement('span');
      title.className = 'max-w-36 truncate opacity-75';
      title.textContent = this.title;
      chip.append(title);
    }
    const name = document.createElement('span');
    name.className = 'font-mono';
    name.textContent = this.name;
    chip.append(name);
    return chip;
  }

  override ignoreEvent() {
    return false;
  }
}

function chipOf(path: string, { sources, titles, specials, missing }: Known): Chip {
  const special = specials.find((one) => one.name === path);
  if (special) return new Chip('', special.label, true, special.label);
  const selector = path.split('.');
  const found = lookUp(sources, selector);
  const title = (found && titles.get(found.source.id)) ?? selector[0] ?? '';
  return new Chip(title, selector.slice(1).join('.'), found !== null, found ? `${title} › ${found.type}` : missing);
}

function chips(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  const about = view.state.field(known);
  for (const { from, to } of view.visibleRanges) {
    for (const match of view.state.sliceDoc(from, to).matchAll(REFERENCE)) {
      const start = from + match.index;
      builder.add(start, start + match[0].length, Decoration.replace({ widget: chipOf(match[1] ?? '', about) }));
    }
  }
  return builder.finish();
}

const chipPlugin = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = chips(view);
    }
    update(update: ViewUpdate) {
      const hasNews = update.transactions.some((one) => one.effects.some((effect) => effect.is(setKnown)));
      if (update.docChanged || update.viewportChanged || hasNews) this.decorations = chips(update.view);
    }
  },
  {
    decorations: (plugin) => plugin.decorations,
    provide: (plugin) => EditorView.atomicRanges.of((view) => view.plugin(plugin)?.decorations ?? Decoration.none),
  },
);

function complete(context: CompletionContext): CompletionResult | null {
  const before = context.matchBefore(/\{\{?#?[\w.]*$/);
  if (!before) return null;
  const { sources, titles, specials } = context.state.field(known);
  const typed = before.text.replace(/^\{\{?#?/, '').toLowerCase();
  const after = context.state.sliceDoc(context.pos, context.pos + 3);
  const to = context.pos + (/^#?\}\}/.exec(after)?.[0].length ?? 0);
  const options = sources.flatMap((source, rank) => {
    const title = titles.get(source.id) ?? source.title;
    const section = { name: title, rank: rank + 1 };
    const rows = (variables: Variable[], path: string[]): { label: string; detail: string; selector: string[] }[] =>
      variables.flatMap((variable) => {
        const selector = [...path, variable.name];
        const own = { label: selector.slice(1).join('.'), detail: variable.type, selector };
        return [own, ...(typed.includes('.') || typed ? rows(variable.children ?? [], selector) : [])];
      });
    return rows(source.variables, [source.id])
      .filter((row) => `${title}.${row.label}`.toLowerCase().includes(typed))
      .map((row) => ({ label: row.label, detail: row.detail, section, apply: template(row.selector) }));
  });
  const first = specials
    .filter((special) => `${special.name} ${special.label}`.toLowerCase().includes(typed))
    .map((special) => ({ label: special.label, section: { name: '·', rank: 0 }, apply: `{{#${special.name}#}}` }));
  return { from: before.from, to, options: [...first, ...options], filter: false };
}

interface TemplateEditorProps {
  ref?: Ref<EditorHandle>;
  label: string;
  value: string;
  onChange: (value: string) => void;
  sources: Source[];
  specials: readonly Special[];
  isLine: boolean;
  minRows: number;
  placeholder: string;
  disabled: boolean;
}

const EXTENSIONS: Extension = [
  known,
  chipPlugin,
  autocompletion({ override: [complete], icons: false, activateOnTyping: true, defaultKeymap: false }),
];

export default function TemplateEditor(props: TemplateEditorProps) {
  const { t } = useTranslation();
  const { sources, specials, ...rest } = props;
  const { host, view } = useCodeMirror({ ...rest, extensions: EXTENSIONS });
  const about = useMemo<Known>(
    () => ({
      sources,
      specials,
      titles: new Map(sources.map((source) => [source.id, sourceTitle(source, t)])),
      missing: t('studio.vars.missingHere'),
    }),
    [sources, specials, t],
  );
  useEffect(() => view.current?.dispatch({ effects: setKnown.of(about) }), [about, view]);
  return <div ref={host} className="nodrag nowheel min-w-0 text-sm" />;
}
