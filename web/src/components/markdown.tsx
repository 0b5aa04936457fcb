import type { ReactNode } from 'react';
import { memo } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { ownAddress } from '@/lib/files';
import { CodeBlock } from './code-block';

const PLUGINS = [remarkGfm];

const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  // Pictures of other hosts would tell them who reads the answer: they become links.
  img: ({ src, alt }) => {
    const address = typeof src === 'string' ? src : undefined;
    const own = address ? ownAddress(address) : null;
    return own ? (
      <img src={own} alt={alt ?? ''} />
    ) : (
      <a href={address} target="_blank" rel="noopener noreferrer nofollow">
        {alt || 'image'}
      </a>
    );
  },
  pre: ({ children }) => <div className="my-2.5">{children}</div>,
  code: ({ className, children }) => {
    const text = textOf(children);
    const language = /language-(\S+)/.exec(className ?? '')?.[1];
    if (!language && !text.includes('\n')) return <code>{children}</code>;
    return <CodeBlock code={text.replace(/\n$/, '')} {...(language ? { label: language } : {})} />;
  },
};

function textOf(node: ReactNode): string {
  if (Array.isArray(node)) return node.map(textOf).join('');
  return typeof node === 'string' || typeof node === 'number' ? String(node) : '';
}

/** An answer. HTML in it stays text, links are checked by react-markdown, foreign pictures are not fetched. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className="prose-answer">
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
});
