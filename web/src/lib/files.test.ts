import { describe, expect, it } from 'vitest';
import {
  acceptedExtensions,
  type FileRules,
  fileAt,
  isAccepted,
  kindOf,
  kindTaken,
  nameOfUrl,
  ownAddress,
  parseUrl,
} from './files';

const rules = (patch: Partial<FileRules>): FileRules => ({
  kinds: [],
  extensions: [],
  methods: ['local_file'],
  limit: 3,
  ...patch,
});

it('knows a file by its name', () => {
  expect(['a.PNG', 'b.mp4', 'c.pdf', 'd.wav', 'e.xyz', 'README'].map(kindOf)).toEqual([
    'image',
    'video',
    'document',
    'audio',
    'custom',
    'custom',
  ]);
});

describe('what is accepted', () => {
  it('is everything without kinds, and with custom alone', () => {
    expect(acceptedExtensions(rules({}))).toEqual([]);
    expect(isAccepted(rules({ kinds: ['custom'] }), 'a.xyz')).toBe(true);
  });

  it('is the kinds’ own and the custom extensions', () => {
    const some = rules({ kinds: ['image', 'custom'], extensions: ['step'] });
    expect(['a.jpeg', 'part.STEP', 'a.pdf', 'none'].map((name) => isAccepted(some, name))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('addresses', () => {
  it('must be ones that can be fetched', () => {
    expect(parseUrl(' https://example.com/a.png ')).toBe('https://example.com/a.png');
    expect(['ftp://example.com/a', 'example.com', 'javascript:alert(1)', ''].map(parseUrl)).toEqual(
      Array(4).fill(null),
    );
  });

  it('are of the kind their name says, or of the first that is taken', () => {
    expect(fileAt('https://example.com/clip.mp4?x=1', rules({})).type).toBe('video');
    expect(fileAt('https://example.com/picture', rules({ kinds: ['image'] })).type).toBe('image');
    expect(fileAt('https://example.com/picture', rules({ kinds: ['image', 'video'] })).type).toBe('image');
    expect(nameOfUrl('https://example.com/a%20b.png')).toBe('a b.png');
    expect(nameOfUrl('https://example.com/%E0%A4%A')).toBe('%E0%A4%A');
  });
});

it('counts a file as what is taken of it', () => {
  const some = rules({ kinds: ['image', 'custom'], extensions: ['xyz', 'pdf'] });
  expect(['a.PNG', 'a.xyz', 'a.pdf', 'a.wav', 'a'].map((name) => kindTaken(some, name))).toEqual([
    'image',
    'custom',
    'custom',
    null,
    null,
  ]);
  expect(kindTaken(rules({}), 'a.wav')).toBe('audio');
});

it('tells this server’s files from those of other hosts', () => {
  const { origin } = window.location;
  expect(ownAddress('/files/1/a.png')).toBe(`${origin}/files/1/a.png`);
  // by another name of this server
  expect(ownAddress('http://ashlar.local:8080/files/1/a.png?expires=1&signature=x')).toBe(
    `${origin}/files/1/a.png?expires=1&signature=x`,
  );
  expect(ownAddress('blob:x')).toBe('blob:x');
  for (const other of ['https://example.com/a.png', 'https://example.com/files/a.png', 'javascript:alert(1)'])
    expect(ownAddress(other)).toBeNull();
});
