import {
  CircleAlert,
  CircleCheck,
  Download,
  FileSpreadsheet,
  LoaderCircle,
  Play,
  RotateCw,
  Square,
} from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { DropZone } from '@/components/files/drop-zone';
import { Panel } from '@/components/page';
import { Button } from '@/components/ui/button';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { parseCsv, toCsv } from '@/lib/csv';
import { saveText } from '@/lib/download';
import type { FileRules } from '@/lib/files';
import { type AnswerState, answered, WAITING } from './answer';
import type { SiteClient } from './api';
import { type Field, inputsOfRow, problemsOf, type Values, wireInputs } from './form';

/** Lines of one table. */
const MAX_LINES = 500;
/** Lines that run at a time. */
const AT_ONCE = 3;

interface Line {
  cells: string[];
  values: Values;
  answer: AnswerState | null;
}

const TABLE: FileRules = { kinds: ['custom'], extensions: ['csv'], methods: ['local_file'], limit: 1 };

interface BatchProps {
  name: string;
  client: SiteClient;
  kind: 'completion' | 'workflow';
  fields: Field[];
}

/** One run for each line of a table. */
export function Batch({ name, client, kind, fields }: BatchProps) {
  const { t } = useTranslation();
  const columns = fields.filter((field) => !field.files);
  const [header, setHeader] = useState<string[]>([]);
  const [lines, setLines] = useState<Line[]>([]);
  const [isRunning, setRunning] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const read = async (file: File) => {
    const [head = [], ...rows] = parseCsv(await file.text());
    const known = head.some((cell) => columns.some((field) => [field.variable, field.label].includes(cell.trim())));
    const problem = !known
      ? t('site.batchUnknown')
      : rows.length === 0
        ? t('site.batchEmpty')
        : rows.length > MAX_LINES
          ? t('site.batchTooLong', { count: MAX_LINES })
          : null;
    if (problem) {
      toast.error(problem);
      return;
    }
    setHeader(head);
    setLines(rows.map((cells) => ({ cells, values: inputsOfRow(fields, head, cells), answer: null })));
  };

  const show = (index: number, answer: AnswerState | null) =>
    setLines((all) => all.map((line, at) => (at === index ? { ...line, answer } : line)));

  const runLine = async (index: number, { values }: Line, signal: AbortSignal) => {
    const missing = Object.keys(problemsOf(fields, values));
    const failed = (code: string, message: string, status = 0): AnswerState => ({
      ...WAITING,
      status: 'failed',
      error: { code, message, status },
    });
    if (missing.length > 0) {
      show(index, failed('run_failed', t('site.batchMissing', { names: missing.join(', ') })));
      return;
    }
    let state = WAITING;
    show(index, state);
    try {
      for await (const event of client.ask(kind, { inputs: wireInputs(fields, values) }, signal)) {
        state = answered(state, event);
        if (state.status === 'paused') {
          if (state.taskId) void client.stop(kind, state.taskId).catch(() => undefined);
          state = failed('run_failed', t('site.batchWaits'));
          break;
        }
      }
    } catch (error) {
      if (signal.aborted) state = { ...state, status: 'stopped' };
      else if (error instanceof ApiError) state = failed(error.code, error.message, error.status);
      else state = failed('unknown', '');
    }
    show(index, state);
  };

  const run = async (which: (line: Line) => boolean) => {
    const controller = new AbortController();
    abort.current = controller;
    setRunning(true);
    const queue = lines.map((line, index) => ({ line, index })).filter(({ line }) => which(line));
    const work = async () => {
      for (let next = queue.shift(); next && !controller.signal.aborted; next = queue.shift())
        await runLine(next.index, next.line, controller.signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setRunning(false);
  };

  const isOver = (line: Line) => ['done', 'failed', 'stopped'].includes(line.answer?.status ?? '');
  const done = lines.filter(isOver).length;
  const failures = lines.filter((line) => line.answer?.status === 'failed' || line.answer?.status === 'stopped').length;
  const template = () => saveText(`${name}.csv`, toCsv([columns.map((field) => field.variable)]), 'text/csv');
  const results = () => {
    const rows = lines.map((line) => [
      ...header.map((_, at) => line.cells[at] ?? ''),
      resultText(line.answer),
      problemText(line.answer),
    ]);
    saveText(`${name}.csv`, toCsv([[...header, t('site.result'), t('logs.error')], ...rows]), 'text/csv');
  };
  const problemText = (answer: AnswerState | null) => {
    const { error } = answer ?? {};
    if (!error) return '';
    return error.code === 'run_failed'
      ? error.message
      : errorMessage(new ApiError(error.status, error.code, error.message), t);
  };
  return (
    <div className="space-y-4">
      <DropZone rules={TABLE} onFiles={(files) => files[0] && void read(files[0])}>
        <Panel className="flex flex-wrap items-center gap-x-4 gap-y-3 p-4 sm:p-5">
          <FileSpreadsheet className="size-6 text-ink-3" aria-hidden />
          <div className="min-w-60 grow">
            <h2 className="font-semibold text-base">{t('site.batchTitle')}</h2>
            <p className="text-ink-2 text-sm">{t('site.batchText')}</p>
            <p className="mt-1 text-ink-3 text-xs">
              {t('site.batchColumns', { names: columns.map((field) => field.variable).join(', ') })}
            </p>
          </div>
          <Button variant="ghost" onClick={template}>
            <Download />
            {t('site.batchTemplate')}
          </Button>
          <input
            ref={input}
            type="file"
            accept=".csv,text/csv"
            hidden
            data-testid="batch-file"
            onChange={(event) => {
              const file = event.target.files?.[0];
              event.target.value = '';
              if (file) void read(file);
            }}
          />
          <Button disabled={isRunning} onClick={() => input.current?.click()}>
            {t('site.batchFile')}
          </Button>
        </Panel>
      </DropZone>
      {lines.length > 0 && (
        <Panel>
          <div className="flex flex-wrap items-center gap-2 border-b px-4 py-3">
            {isRunning ? (
              <Button onClick={() => abort.current?.abort()}>
                <Square className="size-3.5! fill-current" />
                {t('common.stop')}
              </Button>
            ) : (
              <Button variant="primary" onClick={() => void run(() => true)}>
                <Play />
                {t('site.batchRun', { count: lines.length })}
              </Button>
            )}
            {!isRunning && failures > 0 && (
              <Button onClick={() => void run((line) => line.answer?.status !== 'done')}>
                <RotateCw />
                {t('site.batchRetry')}
              </Button>
            )}
            <span className="text-ink-2 text-sm tabular-nums" aria-live="polite">
              {t('site.batchDone', { done, all: lines.length })}
              {failures > 0 && <span className="text-danger"> · {t('site.batchFailed', { count: failures })}</span>}
            </span>
            {done > 0 && (
              <Button variant="ghost" className="ml-auto" onClick={results}>
                <Download />
                {t('site.batchResults')}
              </Button>
            )}
          </div>
          <div className="overflow-x-auto">
            <table className="w-full text-left text-sm">
              <thead>
                <tr className="border-b text-ink-3 text-xs">
                  <th className="w-12 px-4 py-2 font-normal">{t('site.batchLine')}</th>
                  {header.map((cell) => (
                    <th key={cell} className="px-3 py-2 font-normal">
                      {cell}
                    </th>
                  ))}
                  <th className="min-w-72 px-3 py-2 font-normal">{t('site.result')}</th>
                </tr>
              </thead>
              <tbody className="divide-y">
                {lines.map((line, index) => (
                  <tr key={index} className="align-top">
                    <td className="px-4 py-2 text-ink-3 tabular-nums">{index + 1}</td>
                    {header.map((cell, at) => (
                      <td key={cell} className="max-w-56 px-3 py-2">
                        <span className="line-clamp-3 break-words">{line.cells[at]}</span>
                      </td>
                    ))}
                    <td className="px-3 py-2">
                      <span className="flex items-start gap-2">
                        <LineIcon answer={line.answer} />
                        <span className="min-w-0 whitespace-pre-wrap break-words">
                          {problemText(line.answer) || resultText(line.answer)}
                        </span>
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </div>
  );
}

function LineIcon({ answer }: { answer: AnswerState | null }) {
  const { t } = useTranslation();
  if (!answer) return null;
  if (answer.status === 'done') return <CircleCheck className="mt-0.5 size-4 shrink-0 text-accent" aria-hidden />;
  if (answer.status === 'failed' || answer.status === 'stopped')
    return <CircleAlert className="mt-0.5 size-4 shrink-0 text-danger" aria-label={t('site.stepFailed')} />;
  return (
    <LoaderCircle className="mt-0.5 size-4 shrink-0 animate-spin text-accent" aria-label={t('site.stepRunning')} />
  );
}

function resultText(answer: AnswerState | null): string {
  if (!answer) return '';
  if (answer.text) return answer.text;
  const values = Object.values(answer.outputs ?? {});
  const [only] = values;
  if (values.length === 1 && typeof only === 'string') return only;
  return values.length > 0 ? JSON.stringify(answer.outputs) : '';
}
