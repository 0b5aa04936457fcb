import { CircleCheck, CircleX, Play } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { FormError } from '@/components/form-error';
import { ToolFields } from '@/components/tool-fields';
import { Button } from '@/components/ui/button';
import type { ToolCallResult, ToolInfo } from '@/lib/api/types';
import { formatBytes } from '@/lib/format';
import { initialValues, type Problem, toArguments } from '@/lib/tool-values';
import { useCallTool } from './queries';

/** Calls a tool by hand, with settings and arguments together. */
export function TryTool({ tool }: { tool: ToolInfo }) {
  const { t } = useTranslation();
  const [values, setValues] = useState(() => initialValues(tool.parameters));
  const [problems, setProblems] = useState<Problem[]>([]);
  const call = useCallTool();
  const run = () => {
    const checked = toArguments(tool.parameters, values);
    setProblems(checked.problems);
    if (checked.problems.length === 0) call.mutate({ tool, values: checked.values });
  };
  return (
    <form
      className="space-y-3.5"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <ToolFields parameters={tool.parameters} values={values} onChange={setValues} />
      {problems.length > 0 && (
        <FormError
          error={problems}
          text={problems.map(({ name, problem }) => t(`tools.problem_${problem}`, { name })).join(' ')}
        />
      )}
      <FormError error={call.error} />
      <Button type="submit" variant="soft" busy={call.isPending}>
        {!call.isPending && <Play />}
        {t('tools.try')}
      </Button>
      {call.data && !call.isPending && <Result result={call.data} />}
    </form>
  );
}

function Result({ result }: { result: ToolCallResult }) {
  const { t } = useTranslation();
  const { variables } = result;
  return (
    <div className="space-y-2" aria-live="polite">
      <p className="flex items-center gap-2 text-xs">
        {result.ok ? (
          <CircleCheck className="size-4 text-ok" aria-hidden />
        ) : (
          <CircleX className="size-4 text-danger" aria-hidden />
        )}
        <span className="font-medium">{t(result.ok ? 'tools.worked' : 'tools.failed')}</span>
        <span className="text-ink-3 tabular-nums">{result.elapsed_ms} ms</span>
      </p>
      {result.error && <FormError error={result} text={result.error} />}
      {result.text && <CodeBlock code={result.text} label="text" className="[&_pre]:max-h-72" />}
      {result.json.length > 0 && (
        <CodeBlock code={JSON.stringify(result.json, null, 2)} label="json" className="[&_pre]:max-h-72" />
      )}
      {Object.keys(variables).length > 0 && (
        <CodeBlock
          code={JSON.stringify(variables, null, 2)}
          label={t('tools.variables')}
          className="[&_pre]:max-h-72"
        />
      )}
      {result.files.length > 0 && (
        <ul className="rounded-lg border border-line text-sm">
          {result.files.map((file) => (
            <li key={file.name} className="flex gap-3 px-3 py-2">
              <span className="min-w-0 grow truncate">{file.name}</span>
              <span className="text-ink-3 text-xs">
                {file.mime_type} {file.size ? formatBytes(file.size) : ''}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
