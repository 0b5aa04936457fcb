import { useQuery } from '@tanstack/react-query';
import { Play, Square } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { FormError } from '@/components/form-error';
import { Markdown } from '@/components/markdown';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { errorMessage } from '@/lib/api/errors';
import type { ChosenFile } from '@/lib/files';
import { Section } from '../fields/parts';
import { sourceTitle } from '../fields/variable-list';
import { type Data, findNode, typeOf } from '../graph/types';
import { nodeVariablesQuery } from '../queries';
import { fieldsOfStart, fileRules, initialOf } from '../run/inputs';
import { wireOf } from '../run/inputs-form';
import type { GivenVariable, Runner } from '../run/runner';
import { isOver } from '../run/state';
import { useRun } from '../run/store';
import { Details } from '../run/trace';
import { useStudio } from '../store';
import { GivenField, readGiven, useGivenProblem, written } from './given';
import { StepForm } from './step-form';

interface TryNodeProps {
  appId: string;
  nodeId: string;
  runner: Runner;
  flush: () => Promise<boolean>;
}

/** One node run by itself, with values for what it reads. */
export function TryNode({ appId, nodeId, runner, flush }: TryNodeProps) {
  const { t } = useTranslation();
  const { data: variables, error, isPending } = useQuery(nodeVariablesQuery(appId, nodeId, flush));
  const config = useStudio((studio) => studio.config);
  const node = findNode(config.graph, nodeId);
  const run = useRun((state) =>
    state.run?.isStep && state.run.executions.some((one) => one.nodeId === nodeId) ? state.run : null,
  );
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [files, setFiles] = useState<Record<string, ChosenFile[]>>({});
  const [failure, setFailure] = useState<unknown>(null);
  const problemOf = useGivenProblem();
  if (isPending) return <Skeleton className="m-4 h-40" />;
  if (error || !node) return <p className="p-4 text-danger text-sm">{errorMessage(error, t)}</p>;
  const busy = run?.status === 'running';
  const fields = fieldsOfStart(config);
  const defaults = wireOf(fields, initialOf(fields));
  const isOfStart = (id: string) => {
    const source = findNode(config.graph, id);
    return source !== undefined && typeOf(source) === 'start';
  };
  const rows = (variables ?? []).map((variable) => {
    const type = variable.type ?? 'any';
    const key = variable.selector.join('.');
    const [from = '', name = ''] = variable.selector;
    const value = variable.is_known || !isOfStart(from) ? variable.value : defaults[name];
    return {
      key,
      type,
      variable,
      source: sourceTitle({ id: from, title: variable.title ?? from }, t),
      value: typed[key] ?? written(value, type),
      isFile: type === 'file' || type === 'array[file]',
    };
  });
  const bad = rows.some(
    (row) => !row.isFile && typed[row.key] !== undefined && problemOf(row.value, row.type) !== null,
  );
  const start = async (form?: Data) => {
    setFailure(null);
    if (bad) return;
    if (!(await flush())) return setFailure(new Error('not saved'));
    const given: GivenVariable[] = rows.flatMap((row) => {
      const chosen = (files[row.key] ?? []).flatMap((file) => file.sent ?? []);
      if (row.isFile)
        return chosen.length > 0
          ? [{ selector: row.variable.selector, value: row.type === 'file' ? chosen[0] : chosen }]
          : [];
      return typed[row.key] === undefined && row.variable.is_known
        ? []
        : [{ selector: row.variable.selector, value: readGiven(row.value, row.type) }];
    });
    await runner.tryNode(nodeId, { variables: given, ...(form ? { form } : {}) }).catch(setFailure);
  };
  const done = run && isOver(run) ? run.executions.find((one) => one.nodeId === nodeId) : undefined;
  return (
    <>
      <Section
        title={t('studio.panel.tryTitle')}
        hint={t('studio.panel.tryText')}
        action={
          busy ? (
            <Button size="sm" onClick={runner.stop}>
              <Square />
              {t('common.stop')}
            </Button>
          ) : (
            <Button variant="primary" size="sm" disabled={bad} onClick={() => void start()}>
              <Play />
              {t('preview.run')}
            </Button>
          )
        }
      >
        <FormError error={failure} />
        {rows.length === 0 && <p className="text-ink-3 text-sm">{t('studio.panel.readsNothing')}</p>}
        <div className="space-y-3">
          {rows.map((row) => (
            <div key={row.key}>
              <p className="mb-1 flex items-baseline gap-1.5 text-xs">
                <span className="truncate text-ink-3">{row.source}</span>
                <code className="truncate font-mono text-accent-ink">{row.variable.selector.slice(1).join('.')}</code>
                <span className="ml-auto font-mono text-2xs text-ink-3">{row.type}</span>
              </p>
              {row.isFile ? (
                <FileValue
                  label={row.key}
                  isList={row.type !== 'file'}
                  files={files[row.key] ?? []}
                  setFiles={(update) => setFiles((all) => ({ ...all, [row.key]: update(all[row.key] ?? []) }))}
                  isKnown={row.variable.is_known}
                />
              ) : (
                <GivenField
                  label={row.key}
                  type={row.type}
                  value={row.value}
                  onChange={(value) => setTyped((all) => ({ ...all, [row.key]: value }))}
                  problem={typed[row.key] === undefined ? null : problemOf(row.value, row.type)}
                />
              )}
            </div>
          ))}
        </div>
      </Section>
      {run?.status === 'paused' && <StepForm data={node.data} onAnswer={(form) => void start(form)} />}
      {run?.text && !done && (
        <Section title={t('studio.run.result')}>
          <Markdown text={run.text} />
        </Section>
      )}
      {done && (
        <Section title={t('studio.run.result')}>
          <Details one={done} />
        </Section>
      )}
    </>
  );
}

interface FileValueProps {
  label: string;
  isList: boolean;
  files: ChosenFile[];
  setFiles: (update: (files: ChosenFile[]) => ChosenFile[]) => void;
  isKnown: boolean;
}

const ANY_FILE = { allowed_file_types: ['custom'], allowed_file_upload_methods: ['local_file', 'remote_url'] };

function FileValue({ label, isList, files, setFiles, isKnown }: FileValueProps) {
  const { t } = useTranslation();
  const rules = fileRules(ANY_FILE, isList ? 10 : 1);
  return (
    <>
      <FileField
        id={`file-${label}`}
        label={label}
        describedBy={undefined}
        invalid={false}
        rules={rules}
        files={files}
        onChange={setFiles}
      />
      {isKnown && files.length === 0 && <p className="mt-1 text-ink-3 text-xs">{t('studio.panel.lastFile')}</p>}
    </>
  );
}
