// What files apps take, and files as the API takes them. The extensions are those of `files::kind` on the server.
import { request } from './api/client';

export const FILE_KINDS = ['image', 'video', 'document', 'audio', 'custom'] as const;
export type FileKind = (typeof FILE_KINDS)[number];
export type TransferMethod = 'local_file' | 'remote_url';

const EXTENSIONS: Record<Exclude<FileKind, 'custom'>, string[]> = {
  image: ['jpg', 'jpeg', 'png', 'webp', 'gif', 'svg'],
  video: ['mp4', 'mov', 'mpeg', 'webm'],
  audio: ['mp3', 'm4a', 'wav', 'amr', 'mpga'],
  document: [
    ...['txt', 'markdown', 'md', 'mdx', 'pdf', 'html', 'htm', 'xlsx', 'xls', 'vtt', 'properties'],
    ...['doc', 'docx', 'csv', 'eml', 'msg', 'ppt', 'pptx', 'xml', 'epub', 'odt'],
  ],
};

/** What an app, or one field of its form, takes. */
export interface FileRules {
  /** Empty: every kind. */
  kinds: readonly FileKind[];
  /** Lower case, without dot; what `custom` stands for. */
  extensions: readonly string[];
  methods: readonly TransferMethod[];
  limit: number;
}

/** A file as the API takes it. */
export type SentFile =
  | { type: FileKind; transfer_method: 'local_file'; upload_file_id: string }
  | { type: FileKind; transfer_method: 'remote_url'; url: string };

/** A file that was chosen: on its way, taken in, or refused. */
export interface ChosenFile<S = SentFile> {
  key: number;
  name: string;
  size?: number;
  sent?: S;
  error?: string;
  /** Of a picture: itself, or its address. */
  picture?: Blob | string;
}

/** A chosen file as its place shows it. */
export interface Attachment extends ChosenFile {
  kind: FileKind;
  isUploading?: boolean;
  /** What the browser shows of a picture, a sound or a film: what the page holds of it, or its address. */
  src?: string;
  href?: string;
}

const extensionOf = (name: string) => (name.includes('.') ? (name.split('.').at(-1) ?? '').toLowerCase() : '');

export function kindOf(name: string): FileKind {
  const extension = extensionOf(name);
  return FILE_KINDS.find((kind) => kind !== 'custom' && EXTENSIONS[kind].includes(extension)) ?? 'custom';
}

/** Lower case, without dot. */
export const bareExtension = (text: string) => text.trim().replace(/^\.+/, '').toLowerCase();

/** The extensions that are taken, without dots; empty when anything is. */
export function acceptedExtensions({ kinds, extensions }: FileRules): string[] {
  if (kinds.length === 0 || (kinds.includes('custom') && extensions.length === 0)) return [];
  return [
    ...kinds.flatMap((kind) => (kind === 'custom' ? [] : EXTENSIONS[kind])),
    ...(kinds.includes('custom') ? extensions : []),
  ];
}

export function isAccepted(rules: FileRules, name: string): boolean {
  return isOneOf(acceptedExtensions(rules), name);
}

/** Whether a name has one of these extensions; without any, every name has. */
export const isOneOf = (extensions: readonly string[], name: string) =>
  extensions.length === 0 || extensions.includes(extensionOf(name));

/** What a file counts as where it is taken; null: it is not. */
export function kindTaken(rules: FileRules, name: string): FileKind | null {
  if (!isAccepted(rules, name)) return null;
  const kind = kindOf(name);
  return rules.kinds.length === 0 || rules.kinds.includes(kind) ? kind : 'custom';
}

export const picturesOnly = (rules: FileRules) => rules.kinds.length === 1 && rules.kinds[0] === 'image';

/** An address that can be fetched, or null. */
export function parseUrl(text: string): string | null {
  try {
    const url = new URL(text.trim());
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * What our pages fetch by themselves, of what may stand at the address of a file: this server's own, under whatever name its links
 * have it, and what the page itself holds. Null for another host's, which would learn who looks.
 */
export function ownAddress(address: string): string | null {
  if (/^(blob|data):/.test(address)) return address;
  try {
    const { origin, pathname, search, searchParams } = new URL(address, window.location.origin);
    const isSigned = pathname.startsWith('/files/') && searchParams.has('signature');
    return origin === window.location.origin || isSigned ? window.location.origin + pathname + search : null;
  } catch {
    return null;
  }
}

/** The last part of an address, to show. */
export function nameOfUrl(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1);
  try {
    return decodeURIComponent(last || url);
  } catch {
    return last || url;
  }
}

/** A file that lies at an address. One whose name does not say what it is counts as what is taken first. */
export function fileAt(url: string, rules: FileRules): SentFile {
  const named = kindOf(nameOfUrl(url));
  const type = kindTaken(rules, nameOfUrl(url)) ?? (named === 'custom' ? rules.kinds[0] : null) ?? named;
  return { type, transfer_method: 'remote_url', url };
}

/** Takes a file in for the one who is signed in. */
export async function uploadFile(file: File): Promise<Extract<SentFile, { transfer_method: 'local_file' }>> {
  const body = new FormData();
  body.append('file', file, file.name || 'picture.png');
  const response = await request('/api/files', { method: 'POST', body });
  const { id } = (await response.json()) as { id: string };
  return { type: kindOf(file.name || 'picture.png'), transfer_method: 'local_file', upload_file_id: id };
}
