import { type Dispatch, Fragment, type SetStateAction, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { FormError } from '@/components/form-error';
import { Markdown } from '@/components/markdown';
import { Button } from '@/components/ui/button';
import { Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { cn } from '@/lib/cn';
import type { FormAction, FormFileRules, FormInput, FormQuestions } from './queries';
import { useAnswer, useUpload } from './queries';
import { initialValues, problemsOf, type Values, wireValues } from './values';

const VARIANTS: Record<string, 'primary' | 'secondary' | 'soft' | 'ghost'> = {
  primary: 'primary',
  accent: 'soft',
  ghost: 'ghost',
};

/** The form itself: its text with the fields in their places, and a button for each action. */
export function Questions({ token, questions }: { token: string; questions: FormQuestions }) {
  const { t } = useTranslation();
  const { inputs, content, actions } = questions;
  const [values, setValues] = useState(() => initialValues(inputs));
  // Said after the first try; from then on they follow what is changed.
  const [isTried, setTried] = useState(false);
  const root = useRef<HTMLFormElement>(null);
  const answer = useAnswer(token);
  const problems = isTried ? problemsOf(inputs, values, t) : {};

  const submit = (action: FormAction) => {
    setTried(true);
    const wrong = problemsOf(inputs, values, t);
    if (Object.keys(wrong).length > 0) {
      const places = [...(root.current?.querySelectorAll<HTMLElement>('[data-input]') ?? [])];
      const first = places.find((place) => (place.dataset.input ?? '') in wrong);
      first?.querySelector<HTMLElement>('button, input:not([hidden]), textarea')?.focus();
      return;
    }
    answer.mutate({ inputs: wireValues(inputs, values), action: action.id });
  };
  return (
    <form ref={root} noValidate onSubmit={(event) => event.preventDefault()}>
      <fieldset disabled={answer.isPending} className="min-w-0 space-y-4 [&_.prose-answer_p]:whitespace-pre-line">
        {content.map((piece, i) => {
          if (piece.type === 'text') return <Markdown key={i} text={piece.text} />;
          const input = inputs.find((one) => one.name === piece.name);
          return (
            <Fragment key={i}>
              {input && (
                <InputField
                  token={token}
                  input={input}
                  values={values}
                  setValues={setValues}
                  problem={problems[input.name]}
                  // without a text before it, its name is all there is to say what it is for
                  isNamed={content[i - 1]?.type !== 'text'}
                />
              )}
            </Fragment>
          );
        })}
      </fieldset>
      <div className="mt-6 space-y-3 border-t pt-5">
        {Object.keys(problems).length > 0 && <FormError error text={t('form.lookAgain')} />}
        <FormError error={answer.error} />
        <div className="flex flex-col flex-wrap gap-2.5 sm:flex-row">
          {actions.map((action) => (
            <Button
              key={action.id}
              variant={VARIANTS[action.button_style] ?? 'secondary'}
              size="md"
              className="h-auto min-h-9 max-w-full whitespace-normal py-1.5 max-sm:min-h-11"
              busy={answer.isPending && answer.variables.action === action.id}
              disabled={answer.isPending}
              onClick={() => submit(action)}
            >
              {action.title || action.id}
            </Button>
          ))}
        </div>
      </div>
    </form>
  );
}

interface InputFieldProps {
  token: string;
  input: FormInput;
  values: Values;
  setValues: Dispatch<SetStateAction<Values>>;
  problem: string | undefined;
  isNamed: boolean;
}

function InputField({ token, input, values, setValues, problem, isNamed }: InputFieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const label = input.name.replaceAll('_', ' ');
  const describedBy = problem ? `${id}-problem` : undefined;
  const text = values.texts[input.name] ?? '';
  const setText = (next: string) => setValues((all) => ({ ...all, texts: { ...all.texts, [input.name]: next } }));
  const control = { id, 'aria-invalid': Boolean(problem), 'aria-describedby': describedBy };
  return (
    <div data-input={input.name} className="space-y-1.5">
      <label htmlFor={id} className={cn('block font-medium text-sm', !isNamed && 'sr-only')}>
        {label}
      </label>
      {input.files ? (
        <Files
          {...{ token, id, label, describedBy, setValues }}
          name={input.name}
          rules={input.files}
          invalid={Boolean(problem)}
          files={values.files[input.name] ?? []}
        />
      ) : input.type === 'select' ? (
        <Select
          {...control}
          value={text}
          onValueChange={setText}
          placeholder={t('form.choose')}
          options={input.options.map((option) => ({ value: option, label: option }))}
        />
      ) : (
        <Textarea
          {...control}
          rows={3}
          className="field-sizing-content max-h-[60vh]"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      {problem && (
        <p id={describedBy} className="text-danger text-xs">
          {problem}
        </p>
      )}
    </div>
  );
}

interface FilesProps {
  token: string;
  id: string;
  label: string;
  describedBy: string | undefined;
  invalid: boolean;
  name: string;
  rules: FormFileRules;
  files: Values['files'][string];
  setValues: Dispatch<SetStateAction<Values>>;
}

function Files({ token, name, setValues, ...field }: FilesProps) {
  const upload = useUpload(token);
  return (
    <FileField
      {...field}
      upload={upload}
      onChange={(update) =>
        setValues((all) => ({ ...all, files: { ...all.files, [name]: update(all.files[name] ?? []) } }))
      }
    />
  );
}
