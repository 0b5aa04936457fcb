import { Terminal } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Pairs } from '../fields/pairs';
import { AddButton, Fold, NumberField, RemoveButton, replaced, Section, Toggle, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { type Data, number, record, records, selectorOf, text } from '../graph/types';
import { readCurl } from './curl';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, plain } from './summary';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;
const BODIES = ['none', 'json', 'form-data', 'x-www-form-urlencoded', 'raw-text', 'binary'] as const;
const SCHEMES = ['bearer', 'basic', 'custom'] as const;

export const httpRequest: NodeKind = {
  type: 'http-request',
  defaults: () => ({
    method: 'get',
    url: '',
    authorization: { type: 'no-auth', config: null },
    headers: '',
    params: '',
    body: { type: 'none', data: [] },
    timeout: { connect: 10, read: 60, write: 60 },
    ssl_verify: true,
    retry_config: { retry_enabled: true, max_retries: 3, retry_interval: 1000 },
  }),
  Summary,
  Panel,
  catches: true,
  retries: true,
  canTry: true,
};

function Summary({ data }: SummaryProps) {
  return (
    <Course>
      <span className="shrink-0 font-mono font-semibold text-2xs">{text(data.method).toUpperCase()}</span>
      <span className="min-w-0 truncate text-ink-3">{plain(text(data.url)).replace(/^https?:\/\//, '')}</span>
    </Course>
  );
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const [curl, setCurl] = useState<string | null>(null);
  const timeout = record(data.timeout);
  return (
    <>
      <Section
        title={t('studio.http.request')}
        action={
          !disabled && (
            <Button variant="ghost" size="xs" onClick={() => setCurl('')}>
              <Terminal />
              {t('studio.http.curl')}
            </Button>
          )
        }
      >
        <div className="flex items-start gap-1.5">
          <Select
            size="sm"
            className="w-24 shrink-0 px-2 font-mono text-xs"
            aria-label={t('studio.http.method')}
            value={text(data.method).toLowerCase()}
            onValueChange={(method) => set({ ...data, method })}
            disabled={disabled}
            options={METHODS.map((method) => ({ value: method, label: method.toUpperCase() }))}
          />
          <TemplateField
            isLine
            className="grow"
            label={t('studio.http.url')}
            placeholder="https://"
            value={text(data.url)}
            onChange={(url) => set({ ...data, url }, 'url')}
            disabled={disabled}
          />
        </div>
      </Section>
      <Section title={t('studio.http.params')}>
        <Pairs
          label={t('studio.http.params')}
          value={text(data.params)}
          onChange={(params) => set({ ...data, params }, 'params')}
          disabled={disabled}
        />
      </Section>
      <Section title={t('studio.http.headers')}>
        <Pairs
          label={t('studio.http.headers')}
          value={text(data.headers)}
          onChange={(headers) => set({ ...data, headers }, 'headers')}
          disabled={disabled}
        />
      </Section>
      <Body data={data} set={set} disabled={disabled} />
      <Authorization data={data} set={set} disabled={disabled} />
      <Fold title={t('studio.http.connection')}>
        <div className="space-y-2">
          {(['connect', 'read', 'write'] as const).map((key) => (
            <NumberField
              key={key}
              label={t(`studio.http.timeouts.${key}`)}
              unit="s"
              value={number(timeout[key], number(timeout[`max_${key}_timeout`], key === 'connect' ? 10 : 60))}
              min={1}
              max={key === 'connect' ? 10 : 600}
              onChange={(seconds) => set({ ...data, timeout: { ...timeout, [key]: seconds } }, `timeout.${key}`)}
              disabled={disabled}
            />
          ))}
          <Toggle
            label={t('studio.http.verify')}
            checked={data.ssl_verify !== false}
            disabled={disabled}
            onChange={(ssl_verify) => set({ ...data, ssl_verify })}
          />
        </div>
      </Fold>
      {curl !== null && (
        <Dialog
          open
          onOpenChange={() => setCurl(null)}
          title={t('studio.http.curl')}
          description={t('studio.http.curlText')}
          footer={
            <Button
              variant="primary"
              disabled={readCurl(curl) === null}
              onClick={() => {
                const request = readCurl(curl);
                if (request) set({ ...data, ...request });
                setCurl(null);
              }}
            >
              {t('studio.http.curlTake')}
            </Button>
          }
        >
          <Textarea
            autoFocus
            aria-label={t('studio.http.curl')}
            rows={8}
            className="font-mono text-xs"
            placeholder={
              'curl -X POST https://api.example.com/v1/items \\\n  -H \'Content-Type: application/json\' \\\n  -d \'{"name": "stone"}\''
            }
            value={curl}
            onChange={(event) => setCurl(event.target.value)}
          />
          {curl.trim() !== '' && readCurl(curl) === null && (
            <p role="alert" className="mt-1.5 text-danger text-xs">
              {t('studio.http.curlBad')}
            </p>
          )}
        </Dialog>
      )}
    </>
  );
}

type Part = Pick<PanelProps, 'data' | 'set' | 'disabled'>;

function Body({ data, set, disabled }: Part) {
  const { t } = useTranslation();
  const body = record(data.body);
  const type = BODIES.find((one) => one === body.type) ?? 'none';
  // older files: the text itself
  const items = typeof body.data === 'string' ? [{ type: 'text', key: '', value: body.data }] : records(body.data);
  const write = (next: Data[], step?: string) => set((d) => ({ ...d, body: { ...record(d.body), data: next } }), step);
  const single = items[0] ?? { type: 'text', key: '', value: '' };
  return (
    <Section
      title={t('studio.http.body')}
      action={
        <Select
          size="sm"
          className="w-44"
          aria-label={t('studio.http.body')}
          value={type}
          disabled={disabled}
          onValueChange={(next) =>
            set({
              ...data,
              body: {
                ...body,
                type: next,
                data:
                  next === 'none'
                    ? []
                    : next === 'binary'
                      ? [{ type: 'file', key: '', value: '', file: selectorOf(single.file) }]
                      : next === 'json' || next === 'raw-text'
                        ? [{ type: 'text', key: '', value: text(single.value) }]
                        : items.filter((item) => text(item.key)),
              },
            })
          }
          options={BODIES.map((one) => ({ value: one, label: one === 'none' ? t('studio.http.none') : one }))}
        />
      }
    >
      {(type === 'json' || type === 'raw-text') && (
        <TemplateField
          label={type === 'json' ? 'JSON' : t('studio.http.text')}
          value={text(single.value)}
          minRows={6}
          onChange={(value) => write([{ ...single, value }], 'body')}
          disabled={disabled}
        />
      )}
      {type === 'binary' && (
        <SelectorField
          label={t('studio.http.file')}
          value={selectorOf(single.file)}
          types={['file']}
          onChange={(file) => write([{ ...single, type: 'file', file }])}
          disabled={disabled}
        />
      )}
      {(type === 'form-data' || type === 'x-www-form-urlencoded') && (
        <div className="space-y-1.5">
          {items.map((item, i) => (
            <div key={text(item.id) || i} className="flex items-start gap-1.5">
              <TemplateField
                isLine
                className="w-1/3 shrink-0"
                label={t('studio.http.key')}
                placeholder={t('studio.http.key')}
                value={text(item.key)}
                onChange={(key) => write(replaced(items, i, { ...item, key }), `key${i}`)}
                disabled={disabled}
              />
              {type === 'form-data' && (
                <Select
                  size="sm"
                  className="w-20 shrink-0 px-2 text-xs"
                  aria-label={t('editor.variableType')}
                  value={item.type === 'file' ? 'file' : 'text'}
                  onValueChange={(next) => write(replaced(items, i, { ...item, type: next }))}
                  disabled={disabled}
                  options={[
                    { value: 'text', label: t('studio.http.text') },
                    { value: 'file', label: t('studio.http.file') },
                  ]}
                />
              )}
              {item.type === 'file' ? (
                <SelectorField
                  className="grow"
                  label={t('studio.http.file')}
                  value={selectorOf(item.file)}
                  types={['file', 'array[file]']}
                  onChange={(file) => write(replaced(items, i, { ...item, file }))}
                  disabled={disabled}
                />
              ) : (
                <TemplateField
                  isLine
                  className="grow"
                  label={t('studio.http.value')}
                  placeholder={t('studio.http.value')}
                  value={text(item.value)}
                  onChange={(value) => write(replaced(items, i, { ...item, value }), `value${i}`)}
                  disabled={disabled}
                />
              )}
              <RemoveButton label={text(item.key)} onClick={() => write(without(items, i))} disabled={disabled} />
            </div>
          ))}
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() => write([...items, { id: crypto.randomUUID(), key: '', type: 'text', value: '' }])}
          />
        </div>
      )}
    </Section>
  );
}

function Authorization({ data, set, disabled }: Part) {
  const { t } = useTranslation();
  const authorization = record(data.authorization);
  const config = record(authorization.config);
  const scheme = authorization.type === 'api-key' ? (SCHEMES.find((one) => one === config.type) ?? 'bearer') : 'none';
  const put = (patch: Data, step?: string) =>
    set({ ...data, authorization: { ...authorization, config: { ...config, ...patch } } }, step);
  return (
    <Section
      title={t('studio.http.auth')}
      action={
        <Select
          size="sm"
          className="w-44"
          aria-label={t('studio.http.auth')}
          value={scheme}
          disabled={disabled}
          onValueChange={(next) =>
            set({
              ...data,
              authorization:
                next === 'none'
                  ? { ...authorization, type: 'no-auth' }
                  : { ...authorization, type: 'api-key', config: { api_key: '', header: '', ...config, type: next } },
            })
          }
          options={[
            { value: 'none', label: t('studio.http.none') },
            ...SCHEMES.map((one) => ({ value: one as string, label: t(`studio.http.schemes.${one}`) })),
          ]}
        />
      }
    >
      {scheme !== 'none' && (
        <div className="space-y-1.5">
          {scheme === 'custom' && (
            <TemplateField
              isLine
              label={t('studio.http.header')}
              placeholder={t('studio.http.header')}
              value={text(config.header)}
              onChange={(header) => put({ header }, 'header')}
              disabled={disabled}
            />
          )}
          <TemplateField
            isLine
            label={t('studio.http.apiKey')}
            placeholder={scheme === 'basic' ? 'user:password' : t('studio.http.apiKey')}
            value={text(config.api_key)}
            onChange={(api_key) => put({ api_key }, 'api_key')}
            disabled={disabled}
          />
          <p className="text-ink-3 text-xs">{t('studio.http.secretHint')}</p>
        </div>
      )}
    </Section>
  );
}
