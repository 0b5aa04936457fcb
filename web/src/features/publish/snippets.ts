const attribute = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

interface Embedded {
  origin: string;
  code: string;
  title: string;
}

export function frameSnippet({ origin, code, title }: Embedded): string {
  return `<iframe
  src="${origin}/a/${code}"
  title="${attribute(title)}"
  style="width: 100%; height: 700px; border: 0"
  allow="clipboard-write"
></iframe>`;
}

export function bubbleSnippet({ origin, code, title }: Embedded, color: string, side: 'left' | 'right'): string {
  return `<script
  src="${origin}/embed.js"
  data-code="${code}"
  data-title="${attribute(title)}"
  data-color="${color}"${side === 'left' ? '\n  data-side="left"' : ''}
  defer
></script>`;
}

/** The app's name as a client may call the server. */
export function serverName(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 40) || 'ashlar-app'
  );
}

export function mcpConfig(name: string, url: string): string {
  return JSON.stringify({ mcpServers: { [serverName(name)]: { type: 'http', url } } }, null, 2);
}
