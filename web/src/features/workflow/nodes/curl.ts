// A request as a shell command, read into the node's fields.
import { writePairs } from '../fields/pairs';
import type { Data } from '../graph/types';

/** The words of a command line: quotes, escapes and continued lines as a shell reads them. */
function words(line: string): string[] {
  const found: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let i = 0; i < line.length; i += 1) {
    const c = line[i] ?? '';
    if (quote) {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && '"\\$`'.includes(line[i + 1] ?? '')) word += line[++i] ?? '';
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      inWord = true;
    } else if (c === '\\') {
      const next = line[++i] ?? '';
      if (next === '\r') i += 1;
      else if (next !== '\n') {
        word += next;
        inWord = true;
      }
    } else if (/\s/.test(c)) {
      if (inWord) found.push(word);
      word = '';
      inWord = false;
    } else {
      word += c;
      inWord = true;
    }
  }
  if (inWord) found.push(word);
  return found;
}

const WITH_VALUE: Record<string, string> = {
  '-X': 'method',
  '--request': 'method',
  '-H': 'header',
  '--header': 'header',
  '-d': 'data',
  '--data': 'data',
  '--data-raw': 'data',
  '--data-ascii': 'data',
  '--data-binary': 'data',
  '--data-urlencode': 'data',
  '--json': 'json',
  '-F': 'form',
  '--form': 'form',
  '-u': 'user',
  '--user': 'user',
  '-A': 'agent',
  '--user-agent': 'agent',
  '-e': 'referer',
  '-b': 'cookie',
  '--cookie': 'cookie',
  '--url': 'url',
  '-o': 'skip',
  '--output': 'skip',
  '-m': 'skip',
  '--max-time': 'skip',
  '--connect-timeout': 'skip',
  '--retry': 'skip',
};

/** Null when it is no `curl` command that names an address. */
export function readCurl(command: string): Data | null {
  const [first, ...rest] = words(command.trim());
  if (first !== 'curl') return null;
  const given: { kind: string; value: string }[] = [];
  let isGet = false;
  let insecure = false;
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i] ?? '';
    const [long = '', ...value] = word.split('=');
    const short = /^-[A-Za-z]./.test(word) ? word.slice(0, 2) : '';
    if (WITH_VALUE[word]) given.push({ kind: WITH_VALUE[word], value: rest[++i] ?? '' });
    else if (word.startsWith('--') && value.length > 0 && WITH_VALUE[long])
      given.push({ kind: WITH_VALUE[long], value: value.join('=') });
    else if (short && WITH_VALUE[short]) given.push({ kind: WITH_VALUE[short], value: word.slice(2) });
    else if (word === '-G' || word === '--get') isGet = true;
    else if (word === '-k' || word === '--insecure') insecure = true;
    else if (!word.startsWith('-')) given.push({ kind: 'url', value: word });
  }
  const all = (kind: string) => given.filter((one) => one.kind === kind).map((one) => one.value);
  const address = all('url')[0];
  if (!address) return null;
  const headers = all('header').flatMap((line) => {
    const colon = line.indexOf(':');
    return colon > 0 ? [{ key: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() }] : [];
  });
  const add = (key: string, values: string[]) => {
    for (const value of values) headers.push({ key, value });
  };
  add('User-Agent', all('agent'));
  add('Referer', all('referer'));
  add('Cookie', all('cookie'));
  const [base = '', query = ''] = splitOnce(address, '?');
  const params = [...new URLSearchParams(query)].map(([key, value]) => ({ key, value }));
  let data = all('data').join('&');
  if (isGet && data) {
    for (const [key, value] of new URLSearchParams(data)) params.push({ key, value });
    data = '';
  }
  const json = all('json').join('');
  const form = all('form');
  const type = headers.find((header) => header.key.toLowerCase() === 'content-type')?.value.toLowerCase() ?? '';
  const method = (all('method')[0] ?? (data || json || form.length > 0 ? 'POST' : 'GET')).toLowerCase();
  const user = all('user')[0];
  return {
    method,
    url: /^https?:/i.test(base) ? base : `http://${base}`,
    headers: writePairs(headers),
    params: writePairs(params),
    body: bodyOf({ data, json, form, type }),
    authorization: user
      ? { type: 'api-key', config: { type: 'basic', api_key: user, header: '' } }
      : { type: 'no-auth', config: null },
    ...(insecure ? { ssl_verify: false } : {}),
  };
}

const splitOnce = (source: string, at: string): string[] => {
  const i = source.indexOf(at);
  return i < 0 ? [source] : [source.slice(0, i), source.slice(i + 1)];
};

function bodyOf({ data, json, form, type }: { data: string; json: string; form: string[]; type: string }): Data {
  const one = (kind: string, value: string): Data => ({ type: kind, data: [{ type: 'text', key: '', value }] });
  if (form.length > 0) {
    const items = form.map((pair) => {
      const [key = '', value = ''] = splitOnce(pair, '=');
      return value.startsWith('@') ? { type: 'file', key, value: '', file: [] } : { type: 'text', key, value };
    });
    return { type: 'form-data', data: items };
  }
  if (json) return one('json', json);
  if (!data) return { type: 'none', data: [] };
  if (type.includes('json') || /^\s*[{[]/.test(data)) return one('json', data);
  if (type === '' || type.includes('urlencoded')) {
    const items = [...new URLSearchParams(data)].map(([key, value]) => ({ type: 'text', key, value }));
    return { type: 'x-www-form-urlencoded', data: items };
  }
  return one('raw-text', data);
}
