import { expect, it } from 'vitest';
import { readCurl } from './curl';

it('reads what shells read', () => {
  expect(
    readCurl(`curl -X PUT 'https://api.example.com/v1/items?page=2&q=a%20b' \\
  -H "Content-Type: application/json" -H 'X-Key: it'\\''s' \\
  --data-raw '{"name": "stone"}'`),
  ).toMatchObject({
    method: 'put',
    url: 'https://api.example.com/v1/items',
    params: 'page:2\nq:a b',
    headers: "Content-Type:application/json\nX-Key:it's",
    body: { type: 'json', data: [{ value: '{"name": "stone"}' }] },
    authorization: { type: 'no-auth' },
  });
});

it('guesses the method and the body as curl does', () => {
  expect(readCurl('curl example.com -d a=1 -d b=2')).toMatchObject({
    method: 'post',
    url: 'http://example.com',
    body: {
      type: 'x-www-form-urlencoded',
      data: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
    },
  });
  expect(readCurl('curl -G https://x.y -d a=1')).toMatchObject({
    method: 'get',
    params: 'a:1',
    body: { type: 'none' },
  });
  expect(readCurl('curl -uann:secret -k https://x.y -F f=@pic.png -F t=x')).toMatchObject({
    authorization: { config: { type: 'basic', api_key: 'ann:secret' } },
    ssl_verify: false,
    body: {
      type: 'form-data',
      data: [
        { key: 'f', type: 'file' },
        { key: 't', value: 'x' },
      ],
    },
  });
});

it('refuses the rest', () => {
  for (const bad of ['', 'wget https://x.y', 'curl', 'curl -X POST']) expect(readCurl(bad)).toBeNull();
});
