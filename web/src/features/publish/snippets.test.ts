import { describe, expect, it } from 'vitest';
import { bubbleSnippet, frameSnippet, mcpConfig, serverName } from './snippets';

const APP = { origin: 'https://ai.example.org', code: 'abc', title: 'Ask "us" <now>' };

describe('what others paste', () => {
  it('holds the link and a title that stays text', () => {
    expect(frameSnippet(APP)).toContain('src="https://ai.example.org/a/abc"');
    expect(frameSnippet(APP)).toContain('title="Ask &quot;us&quot; &lt;now>"');
    expect(bubbleSnippet(APP, '#0d7a6f', 'left')).toContain('data-side="left"');
    expect(bubbleSnippet(APP, '#0d7a6f', 'right')).not.toContain('data-side');
  });

  it('names MCP servers as clients may', () => {
    expect(serverName('Museum companion (v2)')).toBe('museum-companion-v2');
    expect(serverName('博物馆')).toBe('ashlar-app');
    expect(JSON.parse(mcpConfig('A b', 'https://x/mcp/1'))).toEqual({
      mcpServers: { 'a-b': { type: 'http', url: 'https://x/mcp/1' } },
    });
  });
});
