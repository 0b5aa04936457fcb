import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import type { components } from '@/lib/api/schema';
import type { OpenapiPreview, OpenapiProvider } from '@/lib/api/types';
import { usePreviewOpenapi, useSaveOpenapi } from './queries';

type Auth = components['schemas']['Auth'];
type AuthKind = 'none' | 'bearer' | 'basic' | 'header' | 'query';

const kindOfAuth = (auth: Auth | undefined): AuthKind => {
  if (!auth || auth.type === 'none') return 'none';
  if (auth.type === 'query') return 'query';
  return auth.scheme === 'custom' ? 'header' : auth.scheme === 'basic' ? 'basic' : 'bearer';
};

const authOf = (kind: AuthKind, name: string): Auth => {
  if (kind === 'none') return { type: 'none' };
  if (kind === 'query') return { type: 'query', name: name.trim() };
  if (kind === 'header') return { type: 'header', name: name.trim(), scheme: 'custom' };
  return { type: 'header', scheme: kind };
};

interface OpenapiDialogProps {
  provider?: OpenapiProvider & { document: string };
  onClose: () => void;
}

/** Tools out of an OpenAPI document: the document first, then what it gives, then how its server is shown who calls. */
export function OpenapiDialog({ provider, onClose }: OpenapiDialogProps) {
  const { t } = useTranslation();
  const [source, setSource] = useState<'url' | 'text'>(provider && !provider.document_url ? 'text' : 'url');
  const [url, setUrl] = useState(provider?.document_url ?? '');
  const [text, setText] = useState(provider?.document ?? '');
  const [preview, setPreview] = useState<OpenapiPreview | null>(null);
  const [name, setName] = useState(provider?.name ?? '');
  const [auth, setAuth] = useState<AuthKind>(kindOfAuth(provider?.auth));
  const [keyName, setKeyName] = useState(provider?.auth && 'name' in provider.auth ? (provider.auth.name ?? '') : '');
  const [key, setKey] = useState('');
  const read = usePreviewOpenapi();
  const save = useSaveOpenapi(provider?.id);
  const named = auth === 'header' || auth === 'query';
  const document = source === 'url' ? { document_url: url.trim() } : { document: text };
  const given = source === 'url' ? /^https?:\/\/\S+/.test(url.trim()) : text.trim() !== '';

  const look = () =>
    read.mutate(document, {
      onSuccess: (found) => {
        setPreview(found);
        if (!name) setName(found.title);
      },
    });
  const submit = () =>
    save.mutate(
      {
        name: name.trim(),
        description: preview?.description.slice(0, 2000) ?? provider?.description ?? '',
        ...(preview || !provider ? document : {}),
        auth: authOf(auth, keyName),
        ...(key ? { api_key: key } : auth === 'none' && provider?.has_api_key ? { api_key: null } : {}),
      },
      {
        onSuccess: (saved) => {
          toast.success(t('tools.saved', { name: saved.name }));
          onClose();
        },
      },
    );
  const ready = (preview !== null || provider !== undefined) && name.trim() !== '' && (!named || keyName.trim() !== '');

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(provider ? 'tools.editApi' : 'tools.addApi')}
      description={t('tools.apiText')}
      className="max-w-2xl"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant={preview ? 'secondary' : 'primary'} disabled={!given} busy={read.isPending} onClick={look}>
            {t('tools.look')}
          </Button>
          {(preview || provider) && (
            <Button variant="primary" disabled={!ready} busy={save.isPending} onClick={submit}>
              {t('common.save')}
            </Button>
          )}
        </>
      }
    >
      <div className="space-y-4">
        <Segmented<'url' | 'text'>
          label={t('tools.source')}
          value={source}
          onChange={setSource}
          options={[
            { value: 'url', label: t('tools.sourceUrl') },
            { value: 'text', label: t('tools.sourceText') },
          ]}
        />
        {source === 'url' ? (
          <Input
            autoFocus
            type="url"
            className="font-mono"
            aria-label={t('tools.sourceUrl')}
            placeholder="https://api.example.com/openapi.json"
            value={url}
            onChange={(event) => {
              setUrl(event.target.value);
              setPreview(null);
            }}
            onKeyDown={(event) => event.key === 'Enter' && given && look()}
          />
        ) : (
          <Textarea
            rows={8}
            className="font-mono text-xs"
            aria-label={t('tools.sourceText')}
            placeholder={'openapi: 3.1.0\ninfo: …'}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setPreview(null);
            }}
          />
        )}
        <FormError error={read.error} />
        {preview && <Found preview={preview} />}
        {(preview || provider) && (
          <fieldset className="space-y-4 border-t pt-4">
            <legend className="sr-only">{t('tools.auth')}</legend>
            <Field label={t('tools.name')} hint={t('tools.nameText')}>
              {(control) => (
                <Input {...control} maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
              )}
            </Field>
            <div className="grid gap-4 sm:grid-cols-2">
              <Field label={t('tools.auth')}>
                {(control) => (
                  <Select
                    {...control}
                    value={auth}
                    onValueChange={(next) => setAuth(next as AuthKind)}
                    options={(['none', 'bearer', 'basic', 'header', 'query'] as const).map((kind) => ({
                      value: kind,
                      label: t(`tools.auth_${kind}`),
                    }))}
                  />
                )}
              </Field>
              {named && (
                <Field label={t(auth === 'header' ? 'tools.headerName' : 'tools.queryName')}>
                  {(control) => (
                    <Input
                      {...control}
                      className="font-mono"
                      placeholder={auth === 'header' ? 'X-API-Key' : 'api_key'}
                      value={keyName}
                      onChange={(event) => setKeyName(event.target.value)}
                    />
                  )}
                </Field>
              )}
            </div>
            {auth !== 'none' && (
              <Field
                label={t('settings.apiKey')}
                hint={provider?.has_api_key ? t('settings.apiKeyKept') : t('settings.apiKeyText')}
              >
                {(control) => (
                  <PasswordInput
                    {...control}
                    autoComplete="off"
                    value={key}
                    onChange={(event) => setKey(event.target.value)}
                  />
                )}
              </Field>
            )}
          </fieldset>
        )}
        <FormError error={save.error} />
      </div>
    </Dialog>
  );
}

function Found({ preview }: { preview: OpenapiPreview }) {
  const { t } = useTranslation();
  return (
    <section className="rounded-lg border border-line bg-sunken/50 p-3.5">
      <h3 className="font-semibold text-sm">{t('tools.found', { count: preview.tools.length })}</h3>
      <p className="text-ink-3 text-xs">{preview.servers.join(', ')}</p>
      <ul className="mt-2 max-h-56 space-y-1.5 overflow-y-auto">
        {preview.tools.map((tool) => (
          <li key={tool.name} className="text-sm">
            <code className="font-mono text-xs">{tool.name}</code>{' '}
            {tool.parameters.length > 0 && <Badge>{t('tools.parameters', { count: tool.parameters.length })}</Badge>}
            <span className="block truncate text-ink-3 text-xs">{tool.description}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
