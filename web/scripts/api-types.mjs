// src/lib/api/schema.d.ts from openapi.json: the console's own API only, not the service and OpenAI APIs beside it.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const document = JSON.parse(await readFile('openapi.json', 'utf8'));
document.paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => path.startsWith('/api/')));
const head = '// Made from openapi.json by `npm run api`; not to be edited.\n';
await writeFile(
  'src/lib/api/schema.d.ts',
  head + astToString(await openapiTS(JSON.stringify(document), { alphabetize: true, emptyObjectsUnknown: true })),
);
