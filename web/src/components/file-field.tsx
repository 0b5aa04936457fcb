import { CircleAlert, FileText, Link2, LoaderCircle, Upload, X } from 'lucide-react';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { errorMessage } from '@/lib/api/errors';
import { cn } from '@/lib/cn';
import { type ChosenFile, isOneOf, kindOf, nameOfUrl, parseUrl, type SentFile, uploadFile } from '@/lib/files';
import { formatBytes } from '@/lib/format';
import { Button } from './ui/button';
import { Input } from './ui/input';

/** What one input takes. */
export interface FileFieldRules {
  methods: readonly string[];
  /** Accepted ones, without dots; empty: any. */
  extensions: readonly string[];
  number_limit: number;
  max_mb?: number;
}

interface FileFieldProps {
  id: string;
  label: string;
  describedBy: string | undefined;
  invalid: boolean;
  rules: FileFieldRules;
  files: ChosenFile[];
  /** Uploads end later, so the change is a function. */
  onChange: (update: (files: ChosenFile[]) => ChosenFile[]) => void;
  upload?: (file: File) => Promise<SentFile>;
  /** The file at an address, when more is known of it than its name says. */
  sentOf?: (url: string) => SentFile;
}

const addressed = (url: string): SentFile => ({
  type: kindOf(nameOfUrl(url)),
  transfer_method: 'remote_url',
  url,
});

let nextKey = 1;

/**
 * Files for one input: chosen, dropped, or named by their address. Uploads start at once, so that sending does not wait for them; what
 * is refused stays and says why.
 */
export function FileField({
  id,
  label,
  describedBy,
  invalid,
  rules,
  files,
  onChange,
  upload = uploadFile,
  sentOf = addressed,
}: FileFieldProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const room = rules.number_limit - files.filter((file) => !file.error).length;
  const takesFiles = rules.methods.includes('local_file');
  const isOpen = takesFiles && room > 0;
  const choose = t(rules.number_limit > 1 ? 'form.chooseFiles' : 'form.chooseFile');
  const settle = (key: number, patch: Partial<ChosenFile>) =>
    onChange((all) => all.map((one) => (one.key === key ? { ...one, ...patch } : one)));
  const refusal = (file: File, i: number) =>
    i === room
      ? t('form.tooMany', { count: rules.number_limit })
      : isOneOf(rules.extensions, file.name)
        ? null
        : t('form.notAccepted');
  const add = (chosen: FileList | null) => {
    // of those that are too many, the first says so
    for (const [i, file] of [...(chosen ?? [])].slice(0, room + 1).entries()) {
      const entry: ChosenFile = { key: nextKey++, name: file.name, size: file.size };
      if (kindOf(file.name) === 'image') entry.picture = file;
      const error = refusal(file, i);
      onChange((all) => [...all, error ? { ...entry, error } : entry]);
      if (error) continue;
      upload(file).then(
        (sent) => settle(entry.key, { sent }),
        (failure: unknown) => settle(entry.key, { error: errorMessage(failure, t) }),
      );
    }
  };
  const addUrl = (url: string) => {
    const sent = sentOf(url);
    const picture = sent.type === 'image' ? { picture: url } : {};
    onChange((all) => [...all, { key: nextKey++, name: nameOfUrl(url), sent, ...picture }]);
  };
  const remove = (key: number) => onChange((all) => all.filter((one) => one.key !== key));
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (isOpen) add(event.dataTransfer.files);
  };
  return (
    <div className="space-y-2">
      {files.length > 0 && (
        <ul className="space-y-1.5">
          {files.map((file) => (
            <FileRow key={file.key} file={file} onRemove={() => remove(file.key)} />
          ))}
        </ul>
      )}
      {takesFiles && (
        // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button inside is the first
        <div
          onDragOver={(event) => {
            event.preventDefault();
            setOver(isOpen);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
          className={cn(
            'flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-line-strong border-dashed px-3.5 py-3',
            over && 'border-accent bg-accent-soft',
            invalid && 'border-danger',
            !isOpen && 'hidden',
          )}
        >
          <Button
            id={id}
            aria-label={`${choose}: ${label}`}
            aria-describedby={describedBy}
            size="md"
            onClick={() => input.current?.click()}
          >
            <Upload />
            {choose}
          </Button>
          <span className="text-ink-2 text-xs">
            {rules.max_mb === undefined
              ? t('features.fileLimit', { count: rules.number_limit })
              : t('form.limit', { count: rules.number_limit, mb: rules.max_mb })}
            {rules.extensions.length > 0 && rules.extensions.length <= 8 && (
              <> · {rules.extensions.map((extension) => `.${extension}`).join(' ')}</>
            )}
          </span>
          <input
            ref={input}
            type="file"
            hidden
            data-testid={`file-${label}`}
            multiple={rules.number_limit > 1}
            accept={rules.extensions.map((extension) => `.${extension}`).join(',')}
            onChange={(event) => {
              add(event.target.files);
              event.target.value = '';
            }}
          />
        </div>
      )}
      {rules.methods.includes('remote_url') && room > 0 && (
        <UrlField {...(takesFiles ? {} : { id })} label={label} describedBy={describedBy} onAdd={addUrl} />
      )}
    </div>
  );
}

/** The address of a picture that the page holds; it is gone with the component. */
function useAddress(picture: Blob | string | undefined): string | undefined {
  const [held, setHeld] = useState<string>();
  useEffect(() => {
    if (!(picture instanceof Blob)) return;
    const url = URL.createObjectURL(picture);
    setHeld(url);
    return () => {
      setHeld(undefined);
      URL.revokeObjectURL(url);
    };
  }, [picture]);
  return typeof picture === 'string' ? picture : held;
}

function FileRow({ file, onRemove }: { file: ChosenFile; onRemove: () => void }) {
  const { t } = useTranslation();
  const isBusy = !file.sent && !file.error;
  const src = useAddress(file.picture);
  // what this browser can't draw, or nobody can
  const [isBroken, setBroken] = useState(false);
  return (
    <li
      className={cn(
        'flex min-h-10 items-center gap-2.5 rounded-lg border bg-surface py-1 pr-1 pl-3 text-sm [&_svg]:size-4 [&_svg]:shrink-0',
        file.error ? 'border-danger text-danger' : 'text-ink',
      )}
    >
      {isBusy ? (
        <LoaderCircle className="animate-spin text-ink-3" aria-hidden />
      ) : file.error ? (
        <CircleAlert aria-hidden />
      ) : src && !isBroken ? (
        <img
          src={src}
          alt=""
          className="-ml-1 size-8 shrink-0 rounded-md bg-sunken object-cover"
          onError={() => setBroken(true)}
        />
      ) : file.sent?.transfer_method === 'remote_url' ? (
        <Link2 className="text-ink-3" aria-hidden />
      ) : (
        <FileText className="text-ink-3" aria-hidden />
      )}
      <span className="min-w-0 grow">
        <span className="block truncate">{file.name}</span>
        {file.error && (
          <span role="alert" className="block text-xs">
            {file.error}
          </span>
        )}
      </span>
      {isBusy && (
        <span role="status" className="sr-only">
          {t('form.uploading', { name: file.name })}
        </span>
      )}
      {file.size !== undefined && !file.error && (
        <span className="shrink-0 text-ink-3 text-xs">{formatBytes(file.size)}</span>
      )}
      <Button variant="ghost" size="icon" aria-label={t('form.remove', { name: file.name })} onClick={onRemove}>
        <X />
      </Button>
    </li>
  );
}

interface UrlFieldProps {
  id?: string;
  label: string;
  describedBy: string | undefined;
  onAdd: (url: string) => void;
}

function UrlField({ id, label, describedBy, onAdd }: UrlFieldProps) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const url = parseUrl(text);
  const add = () => {
    if (!url) return;
    onAdd(url);
    setText('');
  };
  return (
    <div className="flex gap-2">
      <Input
        id={id}
        type="url"
        inputMode="url"
        aria-label={t('form.addressFor', { name: label })}
        aria-describedby={describedBy}
        placeholder={t('form.addressPlaceholder')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          add();
        }}
      />
      <Button size="md" disabled={!url} onClick={add}>
        {t('common.add')}
      </Button>
    </div>
  );
}
