import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import type { McpServer } from '@/lib/api/types';
import { useSaveMcp } from './queries';

interface Header {
  key: number;
  name: string;
  value: string;
}

let nextKey = 1;

export function McpDialog({ server, onClose }: { server?: McpServer; onClose: () => void }) {
  const { t } = useTranslation();
  const save = useSaveMcp(server?.id);
  const [name, setName] = useState(server?.name ?? '');
  const [url, setUrl] = useState(server?.url ?? '');
  const [description, setDescription] = useState(server?.description ?? '');
  // the values of kept headers are never shown: they are all given anew, or all left as they are
  const [headers, setHeaders] = useState<Header[] | null>(server ? null : []);
  const ready = name.trim() !== '' && /^https?:\/\/\S+/.test(url.trim());
  const set = (key: number, patch: Partial<Header>) =>
    setHeaders((all) => (all ?? []).map((header) => (header.key === key ? { ...header, ...patch } : header)));
  const add = () => setHeaders((all) => [...(all ?? []), { key: nextKey++, name: '', value: '' }]);
  const submit = () =>
    save.mutate(
      {
        name: name.trim(),
        url: url.trim(),
        description: description.trim(),
        ...(headers
          ? { headers: Object.fromEntries(headers.filter((h) => h.name.trim()).map((h) => [h.name.trim(), h.value])) }
          : {}),
      },
      {
        onSuccess: (saved) => {
          toast.success(t('tools.mcpSaved', { name: saved.name, count: saved.tools.length }));
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(server ? 'tools.editMcp' : 'tools.addMcp')}
      description={t('tools.mcpText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="mcp-form" disabled={!ready} busy={save.isPending}>
            {t(server ? 'common.save' : 'tools.connect')}
          </Button>
        </>
      }
    >
      <form
        id="mcp-form"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) submit();
        }}
      >
        <Field label={t('tools.name')} hint={t('tools.nameText')}>
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={100}
              placeholder="github"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('tools.url')} hint={t('tools.mcpUrlText')}>
          {(control) => (
            <Input
              {...control}
              type="url"
              className="font-mono"
              placeholder="https://mcp.example.com/mcp"
              value={url}
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('apps.description')} optional>
          {(control) => (
            <Input
              {...control}
              maxLength={400}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <fieldset>
          <legend className="mb-1.5 font-medium text-sm">
            {t('tools.headers')}
            <span className="ml-1 font-normal text-ink-3">{` ${t('common.optional')}`}</span>
          </legend>
          {headers === null ? (
            <div className="flex flex-wrap items-center gap-3 text-ink-3 text-xs">
              <span>
                {server && server.header_names.length > 0
                  ? t('tools.headersKept', { names: server.header_names.join(', ') })
                  : t('tools.headersNone')}
              </span>
              <Button size="xs" onClick={() => setHeaders([])}>
                {t('tools.headersReplace')}
              </Button>
            </div>
          ) : (
            <>
              <ul className="space-y-2">
                {headers.map((header, index) => (
                  <li key={header.key} className="flex gap-2">
                    <Input
                      className="w-44 shrink-0 font-mono"
                      aria-label={`${t('tools.headerName')} ${index + 1}`}
                      placeholder="Authorization"
                      value={header.name}
                      onChange={(event) => set(header.key, { name: event.target.value })}
                    />
                    <div className="min-w-0 grow">
                      <PasswordInput
                        aria-label={`${t('tools.headerValue')} ${index + 1}`}
                        autoComplete="off"
                        value={header.value}
                        onChange={(event) => set(header.key, { value: event.target.value })}
                      />
                    </div>
                    <Button
                      variant="ghost"
                      size="icon"
                      className="mt-0.5"
                      aria-label={`${t('common.remove')} ${header.name || index + 1}`}
                      onClick={() => setHeaders(headers.filter((other) => other.key !== header.key))}
                    >
                      <X />
                    </Button>
                  </li>
                ))}
              </ul>
              <Button size="xs" className="mt-2" onClick={add}>
                <Plus />
                {t('tools.addHeader')}
              </Button>
            </>
          )}
        </fieldset>
        <FormError error={save.error} />
      </form>
    </Dialog>
  );
}
